package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// broker takes orders, as the real one does: an id counts once.
type broker struct {
	mu     sync.Mutex
	orders map[string]stage.Outgoing
	twice  int
	fails  int // so many publishes fail
}

func (b *broker) publish(_ context.Context, out []stage.Outgoing) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails > 0 {
		b.fails--
		return errors.New("the stream is full")
	}
	for _, o := range out {
		id := o.Header[events.HeaderMsgID]
		if _, there := b.orders[id]; there {
			b.twice++
		}
		b.orders[id] = o
	}
	return nil
}

// checks are those ordered so far, by target.
func (b *broker) checks(t testing.TB) map[uint32][]events.CheckID {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[uint32][]events.CheckID{}
	for key := range b.orders {
		id, ok := events.ParseCheckID(events.IDFromKey(key))
		require.True(t, ok, key)
		all[id.Target] = append(all[id.Target], id)
	}
	return all
}

// repeated is how often an order came again.
func (b *broker) repeated() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.twice
}

func newBroker() *broker { return &broker{orders: map[string]stage.Outgoing{}} }

// watchEverySecond applies targets that are looked at every second.
func watchEverySecond(t testing.TB, db *store.DB, n int) {
	t.Helper()
	text := "defaults: {interval: 1s, failures: 3, recheck: 0s}\ntargets:\n"
	for i := range n {
		text += fmt.Sprintf("  - {name: site%d, url: \"https://site%d.example/\"}\n", i, i)
	}
	d, err := uptime.Parse([]byte(text), nil)
	require.NoError(t, err)
	_, err = db.ApplyTargets(context.Background(), d, store.ApplyOptions{Prune: true})
	require.NoError(t, err)
}

func scheduler(t testing.TB, db *store.DB, b *broker) *Scheduler {
	t.Helper()
	s, err := NewScheduler(db, b.publish, time.Now, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(t, err)
	return s
}

func TestScheduler(t *testing.T) {
	t.Run("orders each check once, however many there are and however often they start", func(t *testing.T) {
		db, b := openDB(t), newBroker()
		watchEverySecond(t, db, 20)
		start(t, scheduler(t, db, b).Run)
		start(t, scheduler(t, db, b).Run)
		ctx, stop := context.WithTimeout(context.Background(), 1500*time.Millisecond)
		defer stop()
		scheduler(t, db, b).Run(ctx) // this one dies
		require.Eventually(t, func() bool {
			all := b.checks(t)
			for i := range uint32(20) {
				if len(all[i+1]) < 13 { // 10 s are made up for
					return false
				}
			}
			return true
		}, patience, 10*time.Millisecond)
		require.Positive(t, b.repeated(), "others have ordered them, too")
		w, err := db.Watched(context.Background())
		require.NoError(t, err)
		for _, one := range w.Targets {
			seen := map[int64]bool{}
			for _, id := range b.checks(t)[one.Num] {
				require.False(t, seen[id.At])
				seen[id.At] = true
				require.True(t, w.Secret.Ordered(one.Target, id))
				require.Equal(t, uptime.Instant(id.At), one.Next(uptime.Instant(id.At)-1), "it is a regular one")
			}
		}
	})
	t.Run("asks what the target asks, before others, and not for ever", func(t *testing.T) {
		db := openDB(t)
		watchEverySecond(t, db, 1)
		w, err := db.Watched(context.Background())
		require.NoError(t, err)
		at := w.Targets[0].Next(uptime.InstantOf(noon))
		o := order(w.Secret, uptime.Due{Target: w.Targets[0].Target, At: at})
		require.Equal(t, "work.uptime", o.Subject)
		require.JSONEq(t, `{"url":"https://site0.example/"}`, string(o.Data))
		require.Equal(t, map[string]string{
			"Nats-Msg-Id": w.Secret.Check(w.Targets[0].Target, at, false).Key(), "lane": "high", "deadline": events.FormatTime(at.Add(time.Minute).Time()),
		}, o.Header)
	})
	t.Run("tries again what the broker does not take", func(t *testing.T) {
		db, b := openDB(t), newBroker()
		b.fails = 3
		watchEverySecond(t, db, 5)
		start(t, scheduler(t, db, b).Run)
		require.Eventually(t, func() bool { return len(b.checks(t)) == 5 }, patience, 10*time.Millisecond)
	})
	t.Run("notices when targets are added and removed", func(t *testing.T) {
		db, b := openDB(t), newBroker()
		start(t, scheduler(t, db, b).Run)
		watchEverySecond(t, db, 2)
		require.Eventually(t, func() bool { return len(b.checks(t)) == 2 }, patience, 10*time.Millisecond)
		watchEverySecond(t, db, 1)
		var last int
		require.Eventually(t, func() bool { // the first goes on alone
			all := b.checks(t)
			before := last
			last = len(all[2])
			return before == last && len(all[1]) > len(all[2])+2
		}, patience, 1200*time.Millisecond)
	})
	t.Run("orders rechecks", func(t *testing.T) {
		db, b := openDB(t), newBroker()
		d, err := uptime.Parse([]byte("targets: [{name: a, url: 'https://a.example/', interval: 1h, recheck: 1s}]"), nil)
		require.NoError(t, err)
		_, err = db.ApplyTargets(context.Background(), d, store.ApplyOptions{})
		require.NoError(t, err)
		w, err := db.Watched(context.Background())
		require.NoError(t, err)
		now := uptime.InstantOf(time.Now())
		failed := result(w.Secret.Check(w.Targets[0].Target, now-1, false).String(), "")
		failed.Status, failed.Reason, failed.Finished = events.StatusFailed, events.ReasonConnect, now.Time()
		_, err = db.Commit(context.Background(), []store.Entry{{Result: failed}})
		require.NoError(t, err)
		start(t, scheduler(t, db, b).Run)
		require.Eventually(t, func() bool { return len(b.checks(t)[1]) > 0 }, patience, 10*time.Millisecond)
		require.Equal(t, now.Add(time.Second), uptime.Instant(b.checks(t)[1][0].At))
		require.True(t, b.checks(t)[1][0].Recheck)
	})
}

func TestPrune(t *testing.T) {
	db := openDB(t)
	watchEverySecond(t, db, 1)
	require.NoError(t, NewPrune(db, time.Now, slog.New(slog.DiscardHandler)).all(t.Context(), time.Now()))
	require.Len(t, mustWatched(t, db), 1)
}

func mustWatched(t testing.TB, db *store.DB) []store.WatchedTarget {
	t.Helper()
	w, err := db.Watched(context.Background())
	require.NoError(t, err)
	return w.Targets
}
