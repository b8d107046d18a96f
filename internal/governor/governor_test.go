package governor

import (
	"context"
	"log/slog"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// slow are workers that take a second for each item, and have always more to do.
type slow struct {
	mu    sync.Mutex
	since time.Time
	seen  Observation
	set   []int
}

func (w *slow) Observe() Observation {
	w.mu.Lock()
	defer w.mu.Unlock()
	elapsed := time.Since(w.since)
	w.since = time.Now()
	w.seen.Working = w.seen.Limit
	w.seen.Busy += time.Duration(w.seen.Limit) * elapsed
	w.seen.Full += elapsed
	w.seen.Done = uint64(w.seen.Busy / time.Second)
	return w.seen
}

func (w *slow) SetWorkers(n int) {
	w.Observe()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen.Limit = n
	w.set = append(w.set, n)
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := New(Config{First: 10, Most: 1000})
		require.NoError(t, err)
		w := &slow{since: time.Now(), seen: Observation{Limit: 10}}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { g.Run(ctx, w, slog.New(slog.DiscardHandler)) })
		time.Sleep(time.Minute) //nolint:forbidigo // of a clock that does not wait
		synctest.Wait()
		require.Equal(t, []int{20, 40, 80, 160, 320, 640, 1000}, w.set[:7])
		before := w.Observe().Limit
		g.Failed(syscall.EMFILE)
		time.Sleep(time.Second) //nolint:forbidigo // of a clock that does not wait
		synctest.Wait()
		require.Less(t, w.Observe().Limit, before)
		stop()
		running.Wait()
	})
}
