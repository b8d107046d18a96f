package stage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

var errTest = errors.New("it did\nnot work")

// failing is an operation that fails so many times, and then succeeds.
func failing(name string, times int64, err error) ops.Op {
	var calls atomic.Int64
	return op(name, func(_ context.Context, in ops.Input) (ops.Output, error) {
		if n := calls.Add(1); n <= times {
			return ops.Output{Value: ops.JSON(map[string]int64{"found": n})}, err
		}
		return ops.Output{Value: ops.JSON(in.Attempt)}, nil
	})
}

func always(name string, err error) ops.Op { return failing(name, 1<<62, err) }

func TestFailures(t *testing.T) {
	t.Run("a temporary failure is tried again until it succeeds", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.worker(events.StageFetch, 2, quickLimits(), failing("get", 2, ops.Retry(events.ReasonConnect, errTest)))
		m.submit(item("i1", events.StageFetch, "get"))
		r := m.result()
		require.Equal(t, events.StatusOK, r.Status)
		require.Equal(t, 3, r.Attempts)
		require.Equal(t, "3", string(r.Value), "the operation is told which attempt it is")
		m.eventuallyEmpty(topology.StreamFetch)
		m.dead(0)
	})

	t.Run("no attempt is made before the time that the other side asks for", func(t *testing.T) {
		m := newMill(t, time.Hour)
		begun := make(chan time.Time, 2)
		get := failing("get", 1, ops.RetryAfter(events.ReasonHTTPStatus, 700*time.Millisecond, errTest))
		m.worker(events.StageFetch, 2, quickLimits(), op("get", func(ctx context.Context, in ops.Input) (ops.Output, error) {
			begun <- time.Now()
			return get.Run(ctx, in)
		}))
		m.submit(item("i1", events.StageFetch, "get"))
		first := receive(t, begun)
		require.GreaterOrEqual(t, receive(t, begun).Sub(first), 690*time.Millisecond)
		require.Equal(t, 2, m.result().Attempts)
	})

	t.Run("an item whose attempts are spent fails with the reason, and leaves one dead letter with the original", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.worker(events.StageFetch, 2, quickLimits(), always("get", ops.Retry(events.ReasonConnect, errTest)))
		it := item("i1", events.StageFetch, "get")
		it.Key = "a\nkey"
		original := m.submit(it, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
			"x-own", "kept", "fetchmill-item", "forged", "Nats-Msg-Id", "i1.fetch", "fetchmill-reply", "_INBOX.x")

		r := m.result()
		require.Equal(t, []any{events.StatusFailed, events.ReasonConnect, 3}, []any{r.Status, r.Reason, r.Attempts})
		require.Equal(t, "it did not work", r.Error)
		require.JSONEq(t, `{"found":3}`, string(r.Value), "what was found counts even so")

		m.eventuallyEmpty(topology.StreamFetch)
		dead := m.dead(1)[0]
		require.Equal(t, "dead.fetch.r", dead.Subject)
		require.Equal(t, string(original), string(dead.Data))
		for k, want := range map[string]string{
			events.HeaderDeadStage: "fetch", events.HeaderDeadReason: "connect", events.HeaderDeadError: "it did not work",
			events.HeaderDeadSubject: "fetch.normal.get", events.HeaderDeadItem: "i1", events.HeaderDeadKey: "a key",
			"x-own": "kept", events.HeaderMsgID: "i1.dead",
		} {
			require.Equal(t, []string{want}, dead.Header[k], k)
		}
		require.NotContains(t, dead.Header, events.HeaderReply)
	})

	t.Run("the attempts of the step count, not those of the worker", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.worker(events.StageFetch, 2, quickLimits(), always("get", ops.Retry(events.ReasonConnect, errTest)))
		for id, attempts := range map[string]int{"one": 1, "five": 5} {
			it := item(id, events.StageFetch, "get")
			it.Plan.Fetch.Attempts = attempts
			m.submit(it)
		}
		got := map[string]int{}
		for range 2 {
			r := m.result()
			got[r.ID] = r.Attempts
		}
		require.Equal(t, map[string]int{"one": 1, "five": 5}, got)
	})

	t.Run("more attempts than deliveries are allowed are made even so", func(t *testing.T) {
		m := newMill(t, time.Hour)
		limits := quickLimits()
		limits.Deliveries = 2
		m.worker(events.StageFetch, 2, limits, failing("get", 3, ops.Retry(events.ReasonConnect, errTest)))
		it := item("i1", events.StageFetch, "get")
		it.Plan.Fetch.Attempts = 4
		m.submit(it)
		r := m.result()
		require.Equal(t, events.StatusOK, r.Status, r.Error)
		require.Equal(t, 4, r.Attempts)
	})

	t.Run("a rest does not outlast the deadline", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.worker(events.StageFetch, 2, quickLimits(), always("get", ops.RetryAfter(events.ReasonHTTPStatus, time.Hour, errTest)))
		it := item("i1", events.StageFetch, "get")
		it.Deadline = time.Now().Add(time.Second)
		m.submit(it)
		require.Equal(t, events.ReasonDeadline, m.result().Reason)
	})

	for _, row := range []struct {
		name   string
		item   func() *events.Item
		reason events.Reason
		says   string
		began  int // attempts
	}{
		{"a permanent failure ends at once", func() *events.Item { return item("i", events.StageCrunch, "fail") }, events.ReasonMissingParameter, "it did", 1},
		{"an error without a verdict ends at once", func() *events.Item { return item("i", events.StageCrunch, "error") }, events.ReasonComputation, "it did", 1},
		{"a panic fails the item", func() *events.Item { return item("i", events.StageCrunch, "panic") }, events.ReasonPanic, "boom", 1},
		{"an operation that nobody has is named", func() *events.Item { return item("i", events.StageCrunch, "nobody") }, events.ReasonUnknownOp, `"nobody"`, 1},
		{"arguments that an operation does not know are named", func() *events.Item {
			it := item("i", events.StageCrunch, "args")
			it.Plan.Crunch[0].With = json.RawMessage(`{"unknown":1}`)
			return it
		}, events.ReasonInvalidParameter, "unknown", 1},
		{"a second step that fails ends the item", func() *events.Item { return item("i", events.StageCrunch, "args", "fail") }, events.ReasonMissingParameter, "it did", 1},
		{"a value that is not JSON is a fault, and is left out", func() *events.Item { return item("i", events.StageCrunch, "garbage") }, events.ReasonInternal, "encode", 1},
		{"a deadline that has passed ends the item before it starts", func() *events.Item {
			it := item("i", events.StageCrunch, "args")
			it.Deadline = time.Now().Add(-time.Second)
			return it
		}, events.ReasonDeadline, "before the item was started", 0},
	} {
		t.Run(row.name+", and the worker goes on", func(t *testing.T) {
			m := newMill(t, time.Hour)
			m.worker(events.StageCrunch, 1, quickLimits(),
				always("fail", ops.Fail(events.ReasonMissingParameter, errTest)), always("error", errTest),
				op("panic", func(context.Context, ops.Input) (ops.Output, error) { panic("boom") }),
				op("garbage", func(context.Context, ops.Input) (ops.Output, error) {
					return ops.Output{Value: json.RawMessage("{")}, nil
				}),
				op("args", func(_ context.Context, in ops.Input) (ops.Output, error) { return ops.Output{}, in.Args(&struct{}{}) }))
			m.submit(row.item())
			r := m.result()
			require.Equal(t, events.StatusFailed, r.Status)
			require.Equal(t, row.reason, r.Reason)
			require.Contains(t, r.Error, row.says)
			require.Equal(t, row.began, r.Attempts)
			m.eventuallyEmpty(topology.StreamCrunch)
			require.Equal(t, string(row.reason), m.dead(1)[0].Header.Get(events.HeaderDeadReason))

			m.submit(item("next", events.StageCrunch, "args"))
			require.Equal(t, events.StatusOK, m.result().Status)
		})
	}

	t.Run("a deadline that passes ends the item while it runs", func(t *testing.T) {
		m := newMill(t, time.Hour)
		begun := make(chan struct{}, 1)
		m.worker(events.StageCrunch, 1, quickLimits(), waiting(begun))
		for ahead := 500 * time.Millisecond; ; ahead *= 2 { // so long that the item has begun by then
			it := item(fmt.Sprint("i", ahead), events.StageCrunch, "wait")
			it.Deadline = time.Now().Add(ahead)
			m.submit(it)
			r := m.result()
			require.Equal(t, events.ReasonDeadline, r.Reason)
			if len(begun) == 0 {
				require.Zero(t, r.Attempts)
				continue
			}
			require.Contains(t, r.Error, "deadline")
			require.Equal(t, 1, r.Attempts)
			return
		}
	})

	t.Run("a quiet plan leaves no dead letter", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.worker(events.StageFetch, 1, quickLimits(), always("get", ops.Fail(events.ReasonHTTPStatus, errTest)))
		it := item("i1", events.StageFetch, "get")
		it.Plan.Quiet = true
		m.submit(it)
		require.Equal(t, events.ReasonHTTPStatus, m.result().Reason)
		m.eventuallyEmpty(topology.StreamFetch)
		m.dead(0)
	})

	t.Run("an operation that takes too long is tried again, and then fails", func(t *testing.T) {
		for name, end := range map[string]func(context.Context) error{
			"context's error": func(ctx context.Context) error { return ctx.Err() },
			"wrapped":         func(ctx context.Context) error { return fmt.Errorf("get: %w", context.Cause(ctx)) },
			"own words":       func(context.Context) error { return errTest },
		} {
			m := newMill(t, time.Hour)
			m.worker(events.StageCrunch, 1, quickLimits(), op("slow", func(ctx context.Context, _ ops.Input) (ops.Output, error) {
				<-ctx.Done()
				return ops.Output{}, end(ctx)
			}))
			it := item("i1", events.StageCrunch, "slow")
			it.Plan.Crunch[0].TimeoutMS = 30
			m.submit(it)
			r := m.result()
			require.Equal(t, []any{events.ReasonTimeout, 3}, []any{r.Reason, r.Attempts}, name)
			require.Contains(t, r.Error, "operation slow did not end within 30ms")
		}
	})

	t.Run("an operation that notices too late and succeeds has succeeded", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.worker(events.StageCrunch, 1, quickLimits(), op("late", func(ctx context.Context, _ ops.Input) (ops.Output, error) {
			<-ctx.Done()
			return ops.Output{Value: ops.JSON("late")}, nil
		}))
		it := item("i1", events.StageCrunch, "late")
		it.Plan.Crunch[0].TimeoutMS = 30
		m.submit(it)
		require.Equal(t, events.StatusOK, m.result().Status)
	})

	t.Run("an item that was with workers when they died is tried by itself", func(t *testing.T) {
		m := newMill(t, time.Second)
		limits := m.spend("i1")
		m.worker(events.StageFetch, 1, limits, always("get", nil))
		require.Equal(t, events.StatusOK, m.result().Status)
		m.eventuallyEmpty(topology.StreamFetch)
		m.dead(0)
		_, err := m.control().Get(t.Context(), topology.TrialKey(events.StageFetch, "i1"))
		require.ErrorIs(t, err, jetstream.ErrKeyNotFound, "it has survived, and nothing is held against it")
	})

	t.Run("an item whose workers died while it was tried by itself fails", func(t *testing.T) {
		m := newMill(t, time.Second)
		limits := m.spend("i1")
		_, err := m.control().PutString(t.Context(), topology.TrialKey(events.StageFetch, "i1"), "2")
		require.NoError(t, err)
		m.worker(events.StageFetch, 1, limits, always("get", errors.New("must not be called")))
		r := m.result()
		require.Equal(t, []any{events.StatusFailed, events.ReasonWorkerLost}, []any{r.Status, r.Reason})
		m.eventuallyEmpty(topology.StreamFetch)
		m.dead(1)
	})
}

// spend submits an item and uses its deliveries up, as workers do that die. It returns the limits by which that is so.
func (m *mill) spend(id string) stage.Limits {
	m.t.Helper()
	m.submit(item(id, events.StageFetch, "get"))
	limits := quickLimits()
	limits.Deliveries = 4
	c, err := m.js.Consumer(m.t.Context(), topology.StreamFetch, topology.LaneConsumer(events.LaneNormal))
	require.NoError(m.t, err)
	for range limits.Deliveries {
		msg, err := c.Next(jetstream.FetchMaxWait(patience))
		require.NoError(m.t, err)
		require.NoError(m.t, msg.Nak())
	}
	return limits
}

func (m *mill) control() jetstream.KeyValue {
	m.t.Helper()
	kv, err := m.js.KeyValue(m.t.Context(), topology.BucketControl)
	require.NoError(m.t, err)
	return kv
}
