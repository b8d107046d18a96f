package budget_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/budget"
	"github.com/fetchmill/fetchmill/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestBudget(t *testing.T) {
	t.Run("gives what is free and takes it back", func(t *testing.T) {
		b := budget.New(100)
		s, err := b.Acquire(t.Context(), 60)
		require.NoError(t, err)
		require.EqualValues(t, 60, b.Taken())
		require.NoError(t, s.Resize(100))
		require.NoError(t, s.Resize(30))
		require.EqualValues(t, 30, b.Taken())
		s.Release()
		s.Release()
		require.Zero(t, b.Taken())
	})
	t.Run("refuses at once what it can never have", func(t *testing.T) {
		b := budget.New(100)
		_, err := b.Acquire(t.Context(), 101)
		require.ErrorAs(t, err, new(*budget.TooLarge))
		s, err := b.Acquire(t.Context(), 1)
		require.NoError(t, err)
		require.ErrorAs(t, s.Resize(101), new(*budget.TooLarge))
		require.EqualValues(t, 1, b.Taken(), "what there was is kept")
	})
	t.Run("says how much must be waited for", func(t *testing.T) {
		b := budget.New(100)
		first, err := b.Acquire(t.Context(), 80)
		require.NoError(t, err)
		second, err := b.Acquire(t.Context(), 10)
		require.NoError(t, err)
		short, ok := errors.AsType[*budget.Shortage](second.Resize(50))
		require.True(t, ok)
		require.EqualValues(t, 50, short.Wanted)
		second.Release()
		got := make(chan *budget.Share)
		go func() {
			s, err := b.Acquire(context.Background(), short.Wanted)
			if err == nil {
				got <- s
			}
			close(got)
		}()
		first.Release()
		s := <-got
		require.EqualValues(t, 50, b.Taken())
		s.Release()
	})
	t.Run("ends a wait with its context", func(t *testing.T) {
		b := budget.New(100)
		s, err := b.Acquire(t.Context(), 100)
		require.NoError(t, err)
		defer s.Release()
		stop := errors.New("stopped")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(stop)
		_, err = b.Acquire(ctx, 1)
		require.ErrorIs(t, err, stop)
	})
	t.Run("that is nil has no bound", func(t *testing.T) {
		s, err := (*budget.Budget)(nil).Acquire(t.Context(), 1<<60)
		require.NoError(t, err)
		require.NoError(t, s.Resize(1<<62))
		s.Release()
	})
}

// Workers that grow while others hold their parts never take more than there is, and all of them come to an end.
func TestBudget_is_kept_by_many(t *testing.T) {
	const bytes, workers, rounds = 1000, 16, 200
	b := budget.New(bytes)
	var inUse, most atomic.Int64
	work := func(ctx context.Context, seed int64) error {
		for i := range int64(rounds) {
			need := 1 + (seed*31+i*17)%100
			for final := 1 + (seed*131+i*71)%bytes; ; {
				s, err := b.Acquire(ctx, need)
				if err != nil {
					return err
				}
				err = s.Resize(max(need, final))
				if err == nil {
					held := max(need, final)
					most.Store(max(most.Load(), inUse.Add(held)))
					inUse.Add(-held)
					s.Release()
					break
				}
				s.Release()
				short, ok := errors.AsType[*budget.Shortage](err)
				if !ok {
					return err
				}
				need = short.Wanted
			}
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all sync.WaitGroup
	errs := make(chan error, workers)
	for w := range int64(workers) {
		all.Go(func() { errs <- work(ctx, w) })
	}
	all.Wait()
	for range workers {
		require.NoError(t, <-errs)
	}
	require.LessOrEqual(t, most.Load(), int64(bytes))
	require.Zero(t, b.Taken())
}
