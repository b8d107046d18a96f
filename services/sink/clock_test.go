package sink

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const day = 24 * time.Hour

// settable is a clock that a test can set, and that counts how often it was read.
type settable struct{ off, reads atomic.Int64 }

func (c *settable) now() time.Time {
	c.reads.Add(1)
	return time.Now().Add(time.Duration(c.off.Load()))
}

func (c *settable) set(by time.Duration) { c.off.Add(int64(by)) }

// read waits until the clock has been read so many times more.
func (c *settable) read(t *testing.T, times int64) {
	t.Helper()
	from := c.reads.Load()
	require.Eventually(t, func() bool { return c.reads.Load() >= from+times }, time.Minute, time.Millisecond)
}

func TestClock(t *testing.T) {
	var set settable
	c := newClock(set.now)
	_, by := c.look()
	require.Zero(t, by)
	set.set(-day)
	now, by := c.look()
	require.InDelta(t, -day, by, float64(time.Minute))
	require.WithinDuration(t, time.Now().Add(-day), now, time.Minute)
	require.False(t, c.doubtful(), "nothing is too old sooner because of that")
	set.set(2 * day)
	_, by = c.look()
	require.InDelta(t, 2*day, by, float64(time.Minute))
	require.True(t, c.doubtful())
}

func TestExpiry_heeds_clocks_that_are_set(t *testing.T) {
	var set settable
	db, err := store.Open(t.Context(), t.TempDir()+"/results.db", store.Options{Now: set.now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	touch := func() {
		t.Helper()
		_, err := db.Commit(context.Background(), []store.Entry{{Record: &events.BatchRecord{Batch: "alive", Action: events.BatchOpen}}})
		require.NoError(t, err)
	}
	state := func() events.BatchState {
		page, err := db.Batches(context.Background(), events.BatchQuery{Batch: "alive"})
		require.NoError(t, err)
		return page.Batches[0].State
	}
	x := NewExpiry(db, time.Hour, set.now, slog.New(slog.DiscardHandler))
	x.looks = append(x.looks, x.clock.last)
	look := func() {
		t.Helper()
		now, _ := x.clock.look()
		_, err := db.ExpireBatches(t.Context(), x.idleSince(), now)
		require.NoError(t, err)
	}
	touch()
	for _, by := range []time.Duration{day, -3 * day, time.Hour, 30 * day} {
		set.set(by)
		look()
		require.Equal(t, events.BatchStateOpen, state(), "clock set by %s", by)
		touch()
		look()
		require.Equal(t, events.BatchStateOpen, state(), "clock set by %s, and the batch touched", by)
	}
	start(t, NewExpiry(db, 30*time.Millisecond, set.now, slog.New(slog.DiscardHandler)).Run)
	set.set(day)
	require.Eventually(t, func() bool { return state() == events.BatchStateExpired }, time.Minute, time.Millisecond, "idle it is all the same")
}

func TestRetention_deletes_nothing_by_a_clock_that_was_put_forward(t *testing.T) {
	db := openDB(t)
	old := result("old", "")
	old.Finished = time.Now().Add(-2 * time.Hour)
	_, err := db.Commit(context.Background(), []store.Entry{{Result: old}})
	require.NoError(t, err)
	var set settable
	var log records
	x, err := NewRetention(db, RetentionConfig{Keep: store.Keep{Age: day}}, set.now, prometheus.NewRegistry(), slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	x.first, x.every = 0, time.Millisecond
	set.set(300 * day)
	start(t, x.Run)
	set.read(t, 10)
	require.Len(t, stored(t, db), 1)
	require.Contains(t, log.String(), "the clock was put forward")
}

func TestWindows_stay_open_when_the_clock_is_set(t *testing.T) {
	db := openDB(t)
	_, err := db.Commit(context.Background(), []store.Entry{{Result: clicked("a", time.Now())}})
	require.NoError(t, err)
	var set settable
	x, err := NewWindows(db, func() bool { return true }, set.now, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	x.every = time.Millisecond
	set.set(day)
	start(t, x.Run)
	set.read(t, 10)
	require.Zero(t, outboxRows(t, db), "nobody has been silent for the idle time")
}

func TestScheduler_goes_on_when_the_clock_is_put_back(t *testing.T) {
	var set settable
	db, err := store.Open(t.Context(), t.TempDir()+"/results.db", store.Options{Now: set.now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	watchEverySecond(t, db, 1)
	b := newBroker()
	s, err := NewScheduler(db, b.publish, set.now, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	require.NoError(t, err)
	start(t, s.Run)
	// ordered waits for a check by the clock as it is, and stores what it has found.
	ordered := func() {
		t.Helper()
		from := uptime.InstantOf(set.now())
		require.Eventually(t, func() bool {
			for _, id := range b.checks(t)[1] {
				at := uptime.Instant(id.At)
				if at < from || at.Sub(from) >= time.Hour {
					continue
				}
				failed := result(id.String(), "")
				failed.Status, failed.Reason, failed.Finished = events.StatusFailed, events.ReasonConnect, at.Time()
				_, err := db.Commit(context.Background(), []store.Entry{{Result: failed}})
				require.NoError(t, err)
				return true
			}
			return false
		}, time.Minute, 10*time.Millisecond)
		last := mustWatched(t, db)[0].Last
		require.True(t, last >= from && last.Sub(from) < time.Hour, "the check counts for the state")
	}
	ordered()
	for _, by := range []time.Duration{day, -2 * day, day} {
		set.set(by)
		ordered()
	}
}
