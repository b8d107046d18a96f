package sink

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
	"github.com/fetchmill/fetchmill/internal/natsjs"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// patience is far more than anything here takes, even on a machine that is busy with much else.
const patience = time.Minute

// goDown makes so many targets go down, of which people are to be told.
func goDown(t testing.TB, db *store.DB, n int) {
	t.Helper()
	text := "defaults: {interval: 1m, failures: 1, recheck: 0s, channels: [ops]}\ntargets:\n"
	for i := range n {
		text += fmt.Sprintf("  - {name: site%d, url: \"https://site%d.example/\"}\n", i, i)
	}
	d, err := uptime.Parse([]byte(text), nil)
	require.NoError(t, err)
	_, err = db.ApplyTargets(t.Context(), d, store.ApplyOptions{})
	require.NoError(t, err)
	w, err := db.Watched(t.Context())
	require.NoError(t, err)
	for _, target := range w.Targets {
		at := target.Next(uptime.InstantOf(time.Now()))
		r := result(events.IDFromKey(w.Secret.Check(target.Target, at, false).Key()), "")
		r.Status, r.Reason, r.Value, r.Finished = events.StatusFailed, events.ReasonConnect, nil, at.Time()
		_, err = db.Commit(t.Context(), []store.Entry{{Result: r}})
		require.NoError(t, err)
	}
}

func TestOutbox_announces_what_has_ended_while_the_stream_of_notices_is_full(t *testing.T) {
	const targets = 3
	b, db := brokertest.New(t), openDB(t)
	b.Provision(topology.Config{})
	js := b.JetStream()
	notices, err := js.Stream(t.Context(), topology.StreamNotices)
	require.NoError(t, err)
	small := notices.CachedInfo().Config
	small.MaxMsgs = 1
	_, err = js.UpdateStream(t.Context(), small)
	require.NoError(t, err)

	goDown(t, db, targets)
	publisher, err := natsjs.NewPublisher(b.Connect())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, publisher.Close()) })
	start(t, NewOutbox(db, noWholes{}, func(ctx context.Context, out []stage.Outgoing) error {
		_, err := stage.Send(ctx, publisher, out)
		return err
	}, slog.New(slog.DiscardHandler)).Run)

	// One has found room, the others wait.
	require.Eventually(t, func() bool { return waitingNotices(t, db) == targets-1 }, patience, 10*time.Millisecond)
	endBatch(t, db, "b1")
	done := func() bool {
		s, err := js.Stream(t.Context(), topology.StreamDone)
		require.NoError(t, err)
		_, err = s.GetLastMsgForSubject(t.Context(), events.SubjectBatchDone)
		return err == nil
	}
	require.Eventually(t, done, patience, 10*time.Millisecond)
	require.Equal(t, targets-1, waitingNotices(t, db))

	// People are told one by one, each once.
	told := map[string]int{}
	for len(told) < targets {
		told[take(t, notices)]++
	}
	require.Eventually(t, func() bool { return outboxRows(t, db) == 0 }, patience, 10*time.Millisecond)
	info, err := notices.Info(t.Context())
	require.NoError(t, err)
	require.Zero(t, info.State.Msgs)
	require.EqualValues(t, targets, info.State.LastSeq)
}

// take takes a notice out of the stream, as soon as there is one, and returns its id.
func take(t testing.TB, s jetstream.Stream) (id string) {
	t.Helper()
	require.Eventually(t, func() bool {
		info, err := s.Info(t.Context())
		require.NoError(t, err)
		return info.State.Msgs == 1
	}, patience, 10*time.Millisecond)
	info, err := s.Info(t.Context())
	require.NoError(t, err)
	m, err := s.GetMsg(t.Context(), info.State.LastSeq)
	require.NoError(t, err)
	require.NoError(t, s.DeleteMsg(t.Context(), m.Sequence))
	return m.Header.Get(events.HeaderMsgID)
}

func waitingNotices(t testing.TB, db *store.DB) (n int) {
	t.Helper()
	rows, err := db.Outbox(context.Background(), 1000)
	require.NoError(t, err)
	for _, r := range rows {
		if r.Type == events.TypeNotice {
			n++
		}
	}
	return n
}
