package stage_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// within are limits with so much memory for all items.
func within(bytes int64) stage.Limits {
	l := quickLimits()
	l.Memory = bytes
	return l
}

func TestMemory(t *testing.T) {
	t.Run("items that have no room beside each other wait for it, and none fails", func(t *testing.T) {
		m := newMill(t, time.Hour)
		var has, most atomic.Int64
		large := op("large", func(_ context.Context, in ops.Input) (ops.Output, error) {
			if err := in.Reserve(60); err != nil {
				return ops.Output{}, err
			}
			most.Store(max(most.Load(), has.Add(60)))
			defer has.Add(-60)
			runtime.Gosched()
			return ops.Output{Value: ops.JSON(in.Attempt)}, nil
		})
		m.worker(events.StageCrunch, 8, within(100), large)
		for i := range 100 {
			m.submit(item(fmt.Sprint("i", i), events.StageCrunch, "large"))
		}
		for range 100 {
			r := m.result()
			require.Equal(t, events.StatusOK, r.Status, r.Error)
			require.Equal(t, "1", string(r.Value), "waiting is no attempt")
		}
		require.EqualValues(t, 60, most.Load())
		require.InDelta(t, 100, m.sum("fetchmill_stage_memory_limit_bytes"), 0)
		require.InDelta(t, 0, m.sum("fetchmill_stage_memory_reserved_bytes"), 0)
		m.eventuallyEmpty(topology.StreamCrunch)
	})

	t.Run("an item that waits goes on when another has ended", func(t *testing.T) {
		m := newMill(t, time.Hour)
		began, release := make(chan string, 10), make(chan struct{})
		hold := op("hold", func(_ context.Context, in ops.Input) (ops.Output, error) {
			if err := in.Reserve(60); err != nil {
				return ops.Output{}, err
			}
			began <- in.ID
			<-release
			return ops.Output{}, nil
		})
		small := op("small", func(_ context.Context, in ops.Input) (ops.Output, error) { return ops.Output{}, in.Reserve(0) })
		m.worker(events.StageCrunch, 3, within(100), hold, small)
		m.submit(item("first", events.StageCrunch, "hold"))
		require.Equal(t, "first", receive(t, began))
		m.submit(item("second", events.StageCrunch, "hold"))
		m.submit(item("small", events.StageCrunch, "small"))
		require.Equal(t, "small", m.result().ID, "what takes no memory does not wait")
		release <- struct{}{}
		require.Equal(t, "first", m.result().ID)
		require.Equal(t, "second", receive(t, began))
		release <- struct{}{}
		require.Equal(t, "second", m.result().ID)
	})

	t.Run("an item that wants more than there is fails at once, and says what to do", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.worker(events.StageCrunch, 1, within(100<<20), op("huge", func(_ context.Context, in ops.Input) (ops.Output, error) {
			return ops.Output{}, fmt.Errorf("read the image: %w", in.Reserve(100<<20+1))
		}))
		m.submit(item("i", events.StageCrunch, "huge"))
		r := m.result()
		require.Equal(t, events.ReasonTooLarge, r.Reason)
		require.Equal(t, 1, r.Attempts)
		require.Equal(t, "read the image: it would take 101 MB of memory, and there are 100 MB for all items together: give the item less to do, or raise --crunch-memory", r.Error)
	})

	t.Run("what a step hands on counts until the next one has ended", func(t *testing.T) {
		make50 := op("make", func(_ context.Context, in ops.Input) (ops.Output, error) {
			return ops.Output{Body: make([]byte, 50)}, in.Reserve(90)
		})
		use := op("use", func(_ context.Context, in ops.Input) (ops.Output, error) {
			return ops.Output{Value: ops.JSON(len(in.Body))}, in.Reserve(60)
		})
		for limit, want := range map[int64]events.Status{109: events.StatusFailed, 110: events.StatusOK} {
			m := newMill(t, time.Hour)
			m.worker(events.StageCrunch, 1, within(limit), make50, use)
			m.submit(item("i", events.StageCrunch, "make", "use"))
			require.Equal(t, want, m.result().Status, limit)
		}
	})

	t.Run("an item that finds no room for its second step begins anew, as if nothing had been", func(t *testing.T) {
		m := newMill(t, time.Hour)
		holding, release := make(chan struct{}), make(chan struct{})
		hold := op("hold", func(_ context.Context, in ops.Input) (ops.Output, error) {
			if err := in.Reserve(70); err != nil {
				return ops.Output{}, err
			}
			close(holding)
			<-release
			return ops.Output{}, nil
		})
		var firsts, seconds atomic.Int64
		tried := make(chan struct{}, 10)
		first := op("first", func(_ context.Context, in ops.Input) (ops.Output, error) {
			firsts.Add(1)
			if in.Value != nil || in.Body != nil {
				return ops.Output{}, fmt.Errorf("the first step has %s and %d bytes of the steps before", in.Value, len(in.Body))
			}
			return ops.Output{Value: json.RawMessage(`"made"`), Body: make([]byte, 20)}, in.Reserve(30)
		})
		second := op("second", func(_ context.Context, in ops.Input) (ops.Output, error) {
			if err := in.Reserve(60); err != nil {
				tried <- struct{}{} // in vain
				return ops.Output{}, err
			}
			seconds.Add(1)
			return ops.Output{Value: ops.JSON(len(in.Body))}, nil
		})
		m.worker(events.StageCrunch, 2, within(100), hold, first, second)
		m.submit(item("holder", events.StageCrunch, "hold"))
		receive(t, holding)
		m.submit(item("i", events.StageCrunch, "first", "second"))
		receive(t, tried)
		close(release)
		for range 2 {
			r := m.result()
			require.Equal(t, events.StatusOK, r.Status, r.Error)
			if r.ID == "i" {
				require.Equal(t, "20", string(r.Value))
				require.Equal(t, 1, r.Attempts)
			}
		}
		require.EqualValues(t, 2, firsts.Load())
		require.EqualValues(t, 1, seconds.Load())
	})

	t.Run("an item that waits for memory is cancelled with its batch", func(t *testing.T) {
		m := newMill(t, time.Hour)
		began, release := make(chan struct{}), make(chan struct{})
		hold := op("hold", func(_ context.Context, in ops.Input) (ops.Output, error) {
			if err := in.Reserve(100); err != nil {
				return ops.Output{}, err
			}
			close(began)
			<-release
			return ops.Output{}, nil
		})
		wanting := make(chan struct{}, 1)
		want := op("want", func(_ context.Context, in ops.Input) (ops.Output, error) {
			wanting <- struct{}{}
			return ops.Output{}, in.Reserve(1)
		})
		m.worker(events.StageCrunch, 2, within(100), hold, want)
		m.submit(item("holder", events.StageCrunch, "hold"))
		receive(t, began)
		waiting := item("i", events.StageCrunch, "want")
		waiting.Batch = "b"
		m.submit(waiting)
		receive(t, wanting)
		m.cancel("b")
		r := m.result()
		require.Equal(t, []any{"i", events.StatusCancelled}, []any{r.ID, r.Status})
		close(release)
		require.Equal(t, "holder", m.result().ID)
	})
}
