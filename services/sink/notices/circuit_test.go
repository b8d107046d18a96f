package notices

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/stage"
)

func TestCircuit(t *testing.T) {
	t.Run("lets everybody through while all is well", func(t *testing.T) {
		c := newCircuit(quick)
		for range 3 {
			require.True(t, c.enter(t.Context()))
		}
		require.Zero(t, c.succeed())
		require.Zero(t, c.resting())
	})
	t.Run("rests longer with each failure, and at least for as long as it is asked to", func(t *testing.T) {
		c := newCircuit(stage.Backoff{First: time.Millisecond, Most: time.Hour})
		var last time.Duration
		for i := range 8 {
			require.True(t, c.enter(t.Context()))
			failures, rest := c.fail(0)
			require.Equal(t, i+1, failures)
			require.Greater(t, rest, last/4)
			last = rest
		}
		_, rest := c.fail(time.Hour)
		require.Greater(t, rest, 59*time.Minute)
		require.Equal(t, 8, c.succeed())
	})
	t.Run("what was under way when it began to rest makes it rest no longer", func(t *testing.T) {
		c := newCircuit(stage.Backoff{First: time.Minute, Most: time.Hour})
		for range 4 {
			require.True(t, c.enter(t.Context()))
		}
		for range 4 {
			failures, rest := c.fail(0)
			require.Equal(t, 1, failures)
			require.LessOrEqual(t, rest, time.Minute)
		}
	})
	t.Run("lets one at a time try, and all others when that went well", func(t *testing.T) {
		c := newCircuit(stage.Backoff{First: time.Millisecond, Most: time.Millisecond})
		c.fail(0)
		require.True(t, c.enter(t.Context()))
		var through atomic.Int32
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if c.enter(context.Background()) {
					through.Add(1)
					c.leave()
				}
			})
		}
		require.Never(t, func() bool { return through.Load() > 0 }, 50*time.Millisecond, 5*time.Millisecond)
		require.Equal(t, 1, c.succeed())
		c.leave()
		all.Wait()
		require.EqualValues(t, 5, through.Load())
	})
	t.Run("lets the next one try when the first had nothing to send", func(t *testing.T) {
		c := newCircuit(stage.Backoff{First: time.Millisecond, Most: time.Millisecond})
		c.fail(0)
		require.True(t, c.enter(t.Context()))
		c.leave()
		require.True(t, c.enter(t.Context()))
	})
	t.Run("ends with the context", func(t *testing.T) {
		c := newCircuit(stage.Backoff{First: time.Hour, Most: time.Hour})
		c.fail(0)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		require.False(t, c.enter(ctx))
	})
}
