package sink

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func openDB(t testing.TB) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), filepath.Join(t.TempDir(), "sink.db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// start runs something until the test ends.
func start(t testing.TB, run func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
}

func result(id, batch string) *events.Result {
	return &events.Result{
		ID: id, Recipe: "page", Batch: batch, Key: "http://127.0.0.1/?a&b=<c>", Status: events.StatusOK, Attempts: 1,
		Value: json.RawMessage(`{"html":"<b>"}`), Submitted: noon, Finished: noon.Add(time.Second),
	}
}

// message wraps a record as a stage before the sink publishes it.
func message(t testing.TB, record any) stage.Message {
	t.Helper()
	m := stage.Message{Seq: 7, Stored: noon, Delivery: 1}
	switch r := record.(type) {
	case *events.Result:
		m.Subject = events.ResultSubject(r.Recipe)
		m.Header = events.Headers(events.MsgID(r.ID, events.StageSink), events.TypeResult, events.StageCrunch)
	case *events.BatchRecord:
		m.Subject = events.SubjectBatchRecord
		m.Header = events.Headers("x", events.TypeBatch, events.StageIngest)
	default:
		require.Failf(t, "no such record", "%T", record)
	}
	var err error
	m.Data, err = encode(record)
	require.NoError(t, err)
	return m
}

func stored(t testing.TB, db *store.DB) []events.Result {
	t.Helper()
	page, err := db.Results(context.Background(), events.ResultQuery{Limit: 1000})
	require.NoError(t, err)
	return page.Results
}

// records gathers log output.
type records struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *records) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// troubled is a real database that fails as often as it is told to, like one whose disk is full.
type troubled struct {
	*store.DB
	mu       sync.Mutex
	failures int
	after    bool // fail after the commit, as when its answer is lost
	groups   []int
	begun    chan struct{} // receives at every commit, if not nil
	gate     chan struct{} // a commit waits for it, if not nil
}

func (d *troubled) Commit(ctx context.Context, entries []store.Entry) ([]store.Outcome, error) {
	if d.begun != nil {
		d.begun <- struct{}{}
	}
	if d.gate != nil {
		<-d.gate
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	fail := d.failures > 0
	if fail {
		d.failures--
	}
	if fail && !d.after {
		return nil, fmt.Errorf("disk is full")
	}
	d.groups = append(d.groups, len(entries))
	out, err := d.DB.Commit(ctx, entries)
	if fail {
		return nil, fmt.Errorf("answer lost")
	}
	return out, err
}
