package stage_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func (m *mill) cancel(batch string) {
	m.t.Helper()
	require.Eventually(m.t, func() bool {
		kv, err := m.js.KeyValue(m.t.Context(), topology.BucketControl)
		if err == nil {
			_, err = kv.Put(m.t.Context(), topology.CancelKey(batch), nil)
		}
		return err == nil
	}, patience, 20*time.Millisecond)
}

// waiting is the operation "wait", which says when it has begun and waits for its context to end.
func waiting(begun chan<- struct{}) ops.Op {
	return op("wait", func(ctx context.Context, _ ops.Input) (ops.Output, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return ops.Output{}, ctx.Err()
	})
}

func TestCancel(t *testing.T) {
	t.Parallel()
	ok := op("ok", func(context.Context, ops.Input) (ops.Output, error) { return ops.Output{}, nil })
	batched := func(id, batch, name string) *events.Item {
		it := item(id, events.StageFetch, name)
		it.Batch = batch
		return it
	}

	t.Run("items of a cancelled batch are not started", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.cancel("b.1") // a name may have dots
		m.submit(batched("i1", "b.1", "ok"))
		m.submit(batched("i2", "b", "ok"))
		m.submit(batched("i3", "", "ok"))
		m.worker(events.StageFetch, 1, quickLimits(), ok)
		for range 3 {
			r := m.result()
			if r.ID == "i1" {
				require.Equal(t, []any{events.StatusCancelled, events.ReasonCancelled, 0}, []any{r.Status, r.Reason, r.Attempts})
			} else {
				require.Equal(t, events.StatusOK, r.Status, r.ID)
			}
		}
		m.eventuallyEmpty(topology.StreamFetch)
		m.dead(0)
	})

	t.Run("parts of an item of a cancelled batch are not started", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.cancel("b")
		part := batched("i1", "whole", "ok")
		part.Within = "b"
		m.submit(part)
		m.submit(batched("i2", "whole", "ok"))
		m.worker(events.StageFetch, 1, quickLimits(), ok)
		for range 2 {
			r := m.result()
			require.Equal(t, r.ID == "i1", r.Status == events.StatusCancelled, r.ID)
		}
	})

	t.Run("items that are under way when their batch is cancelled end", func(t *testing.T) {
		m := newMill(t, time.Hour)
		begun := make(chan struct{}, 3)
		w := m.worker(events.StageFetch, 3, quickLimits(), waiting(begun))
		for i := range 2 {
			m.submit(batched(fmt.Sprint("gone", i), "gone", "wait"))
		}
		m.submit(batched("stays", "stays", "wait"))
		for range 3 {
			receive(t, begun)
		}
		m.cancel("gone")
		for range 2 {
			r := m.result()
			require.Contains(t, r.ID, "gone")
			require.Equal(t, events.ReasonCancelled, r.Reason)
		}
		require.Eventually(t, func() bool { return m.left(topology.StreamFetch) == 1 }, patience, 10*time.Millisecond)
		w.stopIntake()
		w.endWork()
		require.NoError(t, w.end())
	})

	t.Run("a cancellation that is taken back no longer counts", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.cancel("b")
		m.worker(events.StageFetch, 1, quickLimits(), ok)
		m.submit(batched("i1", "b", "ok"))
		require.Equal(t, events.StatusCancelled, m.result().Status)
		kv, err := m.js.KeyValue(t.Context(), topology.BucketControl)
		require.NoError(t, err)
		require.NoError(t, kv.Delete(t.Context(), topology.CancelKey("b")))
		require.Eventually(t, func() bool {
			m.submit(batched(fmt.Sprint("i", time.Now().UnixNano()), "b", "ok"))
			return m.result().Status == events.StatusOK
		}, patience, time.Millisecond)
	})

	t.Run("a cancellation is heard after a restart of the broker", func(t *testing.T) {
		t.Parallel()
		m := newMill(t, time.Second)
		begun := make(chan struct{}, 9)
		m.worker(events.StageFetch, 1, quickLimits(), waiting(begun))
		m.submit(batched("i1", "b", "wait"))
		receive(t, begun)
		for range 2 {
			m.broker.Stop()
			m.broker.Start()
		}
		m.cancel("b")
		require.Equal(t, events.ReasonCancelled, m.result().Reason)
		m.eventuallyEmpty(topology.StreamFetch)
	})

	t.Run("a cancellation is heard after the watch has broken off", func(t *testing.T) {
		t.Parallel()
		m := newMill(t, time.Second)
		c := stage.NewCancellations()
		ctx, stop := context.WithCancel(t.Context())
		wait, err := c.Watch(ctx, m.env.Conn)
		require.NoError(t, err)
		item, release := c.Context(ctx, "b")
		defer release()

		// The client finds after some seconds that its watch is dead, fails to renew it, and gives it up.
		renewals := make(chan *nats.Msg, 10)
		sub, err := m.js.Conn().ChanSubscribe("$JS.API.CONSUMER.CREATE.KV_control.>", renewals)
		require.NoError(t, err)
		require.NoError(t, m.js.DeleteKeyValue(t.Context(), topology.BucketControl))
		receive(t, renewals)
		require.NoError(t, sub.Unsubscribe())
		m.broker.Provision(topology.Default())
		m.cancel("b")
		receive(t, item.Done())
		require.ErrorContains(t, context.Cause(item), "cancelled")
		stop()
		wait()
	})

	t.Run("a missing bucket is reported with the remedy", func(t *testing.T) {
		m := newMill(t, time.Second)
		require.NoError(t, m.js.DeleteKeyValue(t.Context(), topology.BucketControl))
		w, err := stage.NewWorker(m.env, events.StageFetch, stage.Fixed(1), quickLimits(), ops.NewSet())
		require.NoError(t, err)
		require.ErrorContains(t, w.Run(t.Context(), t.Context()), "fetchmill setup")
	})
}
