package stage_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func TestAttempts(t *testing.T) {
	t.Run("deliveries to workers that did not decide are none", func(t *testing.T) {
		m := newMill(t, time.Hour)
		limits := m.spend("i1")
		limits.Deliveries = 20
		m.worker(events.StageFetch, 1, limits, failing("get", 1, ops.Retry(events.ReasonConnect, errTest)))
		r := m.result()
		require.Equal(t, events.StatusOK, r.Status)
		require.Equal(t, 2, r.Attempts)
	})

	t.Run("are counted anew at the next stage", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.worker(events.StageFetch, 1, quickLimits(), failing("get", 2, ops.Retry(events.ReasonConnect, errTest)))
		it := item("i1", events.StageFetch, "get")
		it.Plan.Crunch = []events.Step{{Op: "hash"}}
		m.submit(it)
		msg := m.take(topology.StreamCrunch, topology.LaneConsumer(events.LaneNormal))
		require.Empty(t, msg.Headers().Get(events.HeaderTries))
		require.Empty(t, msg.Headers().Get(events.HeaderNotBefore))
		next, err := events.DecodeItem(msg.Data())
		require.NoError(t, err)
		require.Equal(t, 3, next.Attempts)
	})

	t.Run("begin with what the item had before, not with what a failed attempt has made", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.worker(events.StageCrunch, 1, quickLimits(),
			op("add", func(_ context.Context, in ops.Input) (ops.Output, error) {
				return ops.Output{Value: ops.JSON(string(in.Value) + "+")}, nil
			}), failing("flaky", 2, ops.Retry(events.ReasonConnect, errTest)),
			op("same", func(_ context.Context, in ops.Input) (ops.Output, error) { return ops.Output{}, nil }))
		it := item("i1", events.StageCrunch, "add", "flaky", "same")
		m.submit(it)
		r := m.result()
		require.Equal(t, events.StatusOK, r.Status)
		require.Equal(t, "3", string(r.Value))
	})

	t.Run("are not spent by an operation that could not begin, however often it could not", func(t *testing.T) {
		m := newMill(t, time.Hour)
		limits := quickLimits()
		limits.Deliveries = 4
		m.worker(events.StageFetch, 2, limits, failing("get", 30, ops.Defer(time.Millisecond, errTest)))
		it := item("i1", events.StageFetch, "get")
		it.Plan.Fetch.Attempts = 1
		m.submit(it, "fetchmill-reply", "_INBOX.x")
		msg := m.take(topology.StreamResults, topology.ConsumerSink)
		require.Equal(t, "_INBOX.x", msg.Headers().Get(events.HeaderReply), "what travels with the item still does")
		r, err := events.DecodeResult(msg.Data())
		require.NoError(t, err)
		require.Equal(t, []any{events.StatusOK, 1, "1"}, []any{r.Status, r.Attempts, string(r.Value)})
		m.eventuallyEmpty(topology.StreamFetch)
		_, err = m.control().Get(t.Context(), topology.TrialKey(events.StageFetch, "i1"))
		require.ErrorIs(t, err, jetstream.ErrKeyNotFound, "nothing has ever been held against it")
	})

	t.Run("are made even when the stream has no room for the item to go back to", func(t *testing.T) {
		m := newMill(t, time.Hour)
		it := item("i1", events.StageFetch, "get")
		it.Key = strings.Repeat("k", 4000)
		s, err := m.js.Stream(t.Context(), topology.StreamFetch)
		require.NoError(t, err)
		cfg := s.CachedInfo().Config
		cfg.MaxBytes = 6000
		_, err = m.js.UpdateStream(t.Context(), cfg)
		require.NoError(t, err)
		m.submit(it)
		m.worker(events.StageFetch, 1, quickLimits(), failing("get", 2, ops.Retry(events.ReasonConnect, errTest)))
		require.Equal(t, events.StatusOK, m.result().Status)
		m.eventuallyEmpty(topology.StreamFetch)
	})

	t.Run("wait when a message says so, and what cannot be read says nothing", func(t *testing.T) {
		m := newMill(t, time.Hour)
		at := make(chan time.Time, 3)
		m.worker(events.StageFetch, 1, quickLimits(), op("get", func(context.Context, ops.Input) (ops.Output, error) {
			at <- time.Now()
			return ops.Output{}, nil
		}))
		later := time.Now().Add(500 * time.Millisecond)
		m.submit(item("i1", events.StageFetch, "get"), events.HeaderNotBefore, events.FormatTime(later))
		require.False(t, receive(t, at).Before(later))
		for _, odd := range []string{"-1", "x", "99999999999999999999"} {
			m.submit(item("i"+odd, events.StageFetch, "get"), events.HeaderTries, odd, events.HeaderNotBefore, odd)
			receive(t, at)
		}
	})

	t.Run("do not wait for as long as a clock was wrong", func(t *testing.T) {
		m := newMill(t, time.Hour)
		begun := make(chan struct{}, 1)
		m.worker(events.StageFetch, 1, quickLimits(), op("get", func(context.Context, ops.Input) (ops.Output, error) {
			begun <- struct{}{}
			return ops.Output{}, nil
		}))
		m.submit(item("i1", events.StageFetch, "get"), events.HeaderNotBefore, events.FormatTime(time.Now().Add(24*time.Hour)))
		receive(t, begun)
	})
}
