package chaos

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the sink's database, read without fetchmill

	"github.com/fetchmill/fetchmill/pkg/events"
)

// row is a result as it stands in the database.
type row struct {
	id, batch, key, status, reason, err string
	index, attempts                     int
}

// rows reads all results, and what batches have borrowed from others, which must be nothing here.
func rows(t testing.TB, path string) []row {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	var borrowed int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM borrowed").Scan(&borrowed))
	require.Zero(t, borrowed, "results of one batch stand in another")
	list, err := db.QueryContext(t.Context(), `SELECT id, coalesce(name, ''), key, status, reason, error, idx, attempts
		FROM results LEFT JOIN batches ON batch = num`)
	require.NoError(t, err)
	defer func() { require.NoError(t, list.Close()) }()
	var all []row
	for list.Next() {
		var r row
		require.NoError(t, list.Scan(&r.id, &r.batch, &r.key, &r.status, &r.reason, &r.err, &r.index, &r.attempts))
		all = append(all, r)
	}
	require.NoError(t, list.Err())
	return all
}

// queues are the streams that are empty when all is done, with their consumers.
var queues = map[string][]string{
	"WORK": {"ingest"}, "FETCH": {"high", "normal", "low"}, "CRUNCH": {"high", "normal", "low"}, "RESULTS": {"sink"},
}

// traffic is what the broker knows about a queue in hindsight.
type traffic struct {
	stored      uint64 // messages, for all time
	redelivered uint64 // deliveries beyond the first of each message
}

// eventuallyIdle waits until nothing is pending anywhere. A restart of the broker can leave messages in a queue that are acknowledged and that
// nobody gets any more; setup removes them (package topology's sweep).
func eventuallyIdle(t testing.TB, js jetstream.JetStream) map[string]traffic {
	t.Helper()
	seen := map[string]traffic{}
	for _, stream := range []string{"WORK", "FETCH", "CRUNCH", "RESULTS"} { // in the order of the flow: what is idle stays idle
		consumers := queues[stream]
		require.Eventually(t, func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			s, err := js.Stream(ctx, stream)
			if err != nil {
				return false
			}
			traffic := traffic{stored: s.CachedInfo().State.LastSeq}
			for _, name := range consumers {
				c, err := s.Consumer(ctx, name)
				if err != nil || c.CachedInfo().NumPending > 0 || c.CachedInfo().NumAckPending > 0 {
					return false
				}
				traffic.redelivered += c.CachedInfo().Delivered.Consumer
			}
			traffic.redelivered -= min(traffic.redelivered, traffic.stored)
			seen[stream] = traffic
			if left := s.CachedInfo().State.Msgs; left > 0 {
				t.Logf("%d messages that are acknowledged are left in %s", left, stream)
			}
			return true
		}, patience, 50*time.Millisecond, "something stays in stream %s", stream)
	}
	return seen
}

// eventuallyAnnounced waits until the ends of these batches are announced, which happens after they are in the database.
func eventuallyAnnounced(t testing.TB, js jetstream.JetStream, batches []string) (done, ends map[string]int) {
	t.Helper()
	require.Eventually(t, func() bool {
		done, ends = announced(t, js)
		return !slices.ContainsFunc(batches, func(name string) bool { return ends[name] == 0 })
	}, patience, 100*time.Millisecond, "the end of one of %v is not announced", batches)
	return done, ends
}

// announced counts the announcements of each item, and of the ends of batches.
func announced(t testing.TB, js jetstream.JetStream) (done, ends map[string]int) {
	t.Helper()
	done, ends = map[string]int{}, map[string]int{}
	s, err := js.Stream(t.Context(), "DONE")
	require.NoError(t, err)
	c, err := js.OrderedConsumer(t.Context(), "DONE", jetstream.OrderedConsumerConfig{})
	require.NoError(t, err)
	msgs, err := c.Messages()
	require.NoError(t, err)
	defer msgs.Stop()
	for range s.CachedInfo().State.Msgs {
		m, err := msgs.Next(jetstream.NextMaxWait(patience))
		require.NoError(t, err)
		var body struct{ ID, Batch string }
		require.NoError(t, json.Unmarshal(m.Data(), &body))
		if m.Subject() == events.SubjectBatchDone {
			ends[body.Batch]++
		} else {
			done[body.ID]++
		}
	}
	return done, ends
}

// deadLetters lists the reasons of all dead letters.
func deadLetters(t testing.TB, js jetstream.JetStream) []string {
	t.Helper()
	var reasons []string
	for _, h := range deadHeaders(t, js) {
		reasons = append(reasons, h.Get(events.HeaderDeadStage)+" "+h.Get(events.HeaderDeadReason)+": "+h.Get(events.HeaderDeadError))
	}
	return reasons
}

// deadItems counts the dead letters of each item. There may be several, as somebody who dies after having written one leaves the item to the next.
func deadItems(t testing.TB, js jetstream.JetStream) map[string]int {
	t.Helper()
	letters := map[string]int{}
	for _, h := range deadHeaders(t, js) {
		letters[h.Get(events.HeaderDeadItem)]++
	}
	return letters
}

func deadHeaders(t testing.TB, js jetstream.JetStream) []nats.Header {
	t.Helper()
	s, err := js.Stream(t.Context(), "DEAD")
	require.NoError(t, err)
	var list []nats.Header
	for seq := s.CachedInfo().State.FirstSeq; seq <= s.CachedInfo().State.LastSeq && s.CachedInfo().State.Msgs > 0; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		require.NoError(t, err)
		list = append(list, m.Header)
	}
	return list
}
