package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func endBatch(t testing.TB, db *store.DB, names ...string) {
	t.Helper()
	for _, name := range names {
		_, err := db.Commit(context.Background(), []store.Entry{{Record: &events.BatchRecord{Batch: name, Action: events.BatchClose}}})
		require.NoError(t, err)
	}
}

func outboxRows(t testing.TB, db *store.DB) int {
	t.Helper()
	rows, err := db.Outbox(context.Background(), 1000)
	require.NoError(t, err)
	return len(rows)
}

func TestOutbox(t *testing.T) {
	db := openDB(t)
	endBatch(t, db, "b0") // before the loop starts
	var mu sync.Mutex
	var sent []stage.Outgoing
	failures := 1
	o := NewOutbox(db, noWholes{}, func(_ context.Context, out []stage.Outgoing) error {
		mu.Lock()
		defer mu.Unlock()
		sent = append(sent, out...)
		if failures--; failures >= 0 {
			return errors.New("no answer from the broker")
		}
		return nil
	}, slog.New(slog.DiscardHandler))
	start(t, o.Run)
	empty := func() bool { return outboxRows(t, db) == 0 }
	require.Eventually(t, empty, patience, time.Millisecond)
	var many []string
	for i := range 2 * outboxAtOnce {
		many = append(many, fmt.Sprint("c", i))
	}
	endBatch(t, db, many...)
	require.Eventually(t, empty, patience, time.Millisecond)

	mu.Lock()
	defer mu.Unlock()
	require.Len(t, sent, 2+len(many), "the first twice, because it was not confirmed")
	require.Equal(t, sent[0], sent[1])
	require.Equal(t, events.SubjectBatchDone, sent[0].Subject)
	require.Equal(t, "batch.b0.done", sent[0].Header[events.HeaderMsgID])
	require.Equal(t, events.TypeBatchDone, sent[0].Header[events.HeaderType])
	var b events.Batch
	require.NoError(t, json.Unmarshal(sent[0].Data, &b))
	require.Equal(t, events.BatchStateDone, b.State)
}

func TestExpiry(t *testing.T) {
	db := openDB(t)
	_, err := db.Commit(context.Background(), []store.Entry{{Record: &events.BatchRecord{Batch: "b1", Action: events.BatchOpen}}})
	require.NoError(t, err)
	start(t, NewExpiry(db, 30*time.Millisecond, time.Now, slog.New(slog.DiscardHandler)).Run)
	require.Eventually(t, func() bool { return outboxRows(t, db) == 1 }, patience, time.Millisecond)
	page, err := db.Batches(context.Background(), events.BatchQuery{Batch: "b1"})
	require.NoError(t, err)
	require.Equal(t, events.BatchStateExpired, page.Batches[0].State)
}

// noWholes is for tests in which nothing was split.
type noWholes struct{}

func (noWholes) Get(context.Context, string) (*events.Whole, error) { return nil, nil }

func (noWholes) Forget(context.Context, string) error { return nil }
