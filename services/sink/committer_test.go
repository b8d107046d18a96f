package sink

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/store"
)

func TestCommitter(t *testing.T) {
	add := func(c *Committer, id string) (store.Outcome, error) {
		return c.Add(context.Background(), store.Entry{Result: result(id, "b1")})
	}
	t.Run("fills the next transaction while one is running", func(t *testing.T) {
		db := &troubled{DB: openDB(t), begun: make(chan struct{}, 100), gate: make(chan struct{})}
		c := startCommitter(t, db, GroupConfig{MaxEntries: 20})
		var wg sync.WaitGroup
		wg.Go(func() { _, err := add(c, "first"); require.NoError(t, err) })
		<-db.begun
		for i := range 30 {
			wg.Go(func() {
				out, err := add(c, fmt.Sprint(i))
				require.NoError(t, err)
				require.True(t, out.New)
				require.Equal(t, fmt.Sprint(i), out.Result.ID)
			})
		}
		require.Eventually(t, func() bool { return len(c.queue) == 20 }, 10*time.Second, time.Millisecond)
		close(db.gate)
		wg.Wait()
		require.Equal(t, []int{1, 20}, db.groups[:2])
		require.Len(t, stored(t, db.DB), 31)
	})
	t.Run("waits for more when it is told to linger", func(t *testing.T) {
		db := &troubled{DB: openDB(t)}
		c := startCommitter(t, db, GroupConfig{MaxEntries: 3, Linger: time.Hour})
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() { _, err := add(c, fmt.Sprint(i)); require.NoError(t, err) })
		}
		wg.Wait()
		require.Equal(t, []int{3}, db.groups)
	})
	t.Run("tries again until the database takes it, and acknowledges nothing before", func(t *testing.T) {
		var log records
		db := &troubled{DB: openDB(t), failures: 2}
		c := NewCommitter(db, slog.New(slog.NewTextHandler(&log, nil)), GroupConfig{})
		start(t, c.Run)
		out, err := add(c, "a")
		require.NoError(t, err)
		require.True(t, out.New)
		require.Contains(t, log.String(), "disk is full")
		require.Contains(t, log.String(), "retry_in=100ms")
	})
	t.Run("counts once what was committed although the answer was lost", func(t *testing.T) {
		db := &troubled{DB: openDB(t), failures: 1, after: true}
		c := startCommitter(t, db, GroupConfig{})
		out, err := add(c, "a")
		require.NoError(t, err)
		require.False(t, out.New)
		require.Len(t, stored(t, db.DB), 1)
	})
	t.Run("lets a caller go whose context ends", func(t *testing.T) {
		db := &troubled{DB: openDB(t), begun: make(chan struct{}, 1), gate: make(chan struct{})}
		c := startCommitter(t, db, GroupConfig{})
		ctx, cancel := context.WithCancel(context.Background())
		errs := make(chan error)
		go func() {
			_, err := c.Add(ctx, store.Entry{Result: result("a", "")})
			errs <- err
		}()
		<-db.begun
		cancel()
		require.ErrorIs(t, <-errs, context.Canceled)
		close(db.gate)
	})
	t.Run("finishes the running transaction when it is stopped, and no other", func(t *testing.T) {
		db := &troubled{DB: openDB(t), begun: make(chan struct{}, 1), gate: make(chan struct{})}
		c := NewCommitter(db, slog.New(slog.DiscardHandler), GroupConfig{})
		ctx, cancel := context.WithCancel(context.Background())
		ran := make(chan struct{})
		go func() { defer close(ran); c.Run(ctx) }()
		first := make(chan error, 1)
		go func() { _, err := add(c, "a"); first <- err }()
		<-db.begun
		cancel()
		close(db.gate)
		<-ran
		// The write had not begun in the database, so it gives up its turn there or takes it; either way nobody is told a lie.
		if err := <-first; err == nil {
			require.Len(t, stored(t, db.DB), 1)
		} else {
			require.ErrorIs(t, err, ErrStopped)
		}
		_, err := add(c, "b")
		require.ErrorIs(t, err, ErrStopped)
	})
	t.Run("stops although the database is in trouble", func(t *testing.T) {
		db := &troubled{DB: openDB(t), failures: 1 << 30, begun: make(chan struct{}, 100)}
		c := NewCommitter(db, slog.New(slog.DiscardHandler), GroupConfig{})
		stop := start(t, c.Run)
		errs := make(chan error, 1)
		go func() { _, err := add(c, "a"); errs <- err }()
		<-db.begun
		stop()
		require.ErrorIs(t, <-errs, ErrStopped)
	})
	t.Run("refuses at once what can never be committed", func(t *testing.T) {
		c := startCommitter(t, openDB(t), GroupConfig{})
		_, err := c.Add(context.Background(), store.Entry{})
		require.ErrorIs(t, err, store.ErrEntry)
	})
}

// BenchmarkCommitter measures results per second by how many handlers wait at the same time, and how long the committer lingers.
func BenchmarkCommitter(b *testing.B) {
	for _, linger := range []time.Duration{0, 5 * time.Millisecond} {
		for _, handlers := range []int{1, 16, 256, 2048} {
			b.Run(fmt.Sprintf("linger=%s/handlers=%d", linger, handlers), func(b *testing.B) {
				c := startCommitter(b, openDB(b), GroupConfig{Linger: linger})
				next := make(chan int, handlers)
				var wg sync.WaitGroup
				b.ResetTimer()
				for range handlers {
					wg.Go(func() {
						for i := range next {
							if _, err := c.Add(context.Background(), store.Entry{Result: result(fmt.Sprint(i), "bench")}); err != nil {
								b.Error(err)
							}
						}
					})
				}
				for i := range b.N {
					next <- i
				}
				close(next)
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}
