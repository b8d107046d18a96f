package stage_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/internal/natsjs"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// The broker of these tests waits an hour before it delivers again by itself, so only a hand-back explains what comes again.

// gate is an operation that says when it has begun and goes on when it is let.
func gate(begun chan<- string, open <-chan struct{}) ops.Op {
	return op("gate", func(ctx context.Context, in ops.Input) (ops.Output, error) {
		begun <- string(in.Value)
		select {
		case <-open:
			return ops.Output{}, nil
		case <-ctx.Done():
			return ops.Output{}, ctx.Err()
		}
	})
}

func (m *mill) submitMany(n int, name string) {
	m.t.Helper()
	for i := range n {
		m.submit(item(fmt.Sprint("i", i), events.StageFetch, name))
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	t.Run("when intake ends what is under way is finished, and nothing else is begun", func(t *testing.T) {
		m := newMill(t, time.Hour)
		begun, open := make(chan string, 100), make(chan struct{})
		w := m.worker(events.StageFetch, 4, quickLimits(), gate(begun, open))
		m.submitMany(20, "gate")
		for range 4 {
			receive(t, begun)
		}
		w.stopIntake()
		close(open)
		require.NoError(t, w.end())
		require.LessOrEqual(t, len(begun), 1, "one may have been on its way to a worker")
		done := 4 + len(begun)
		require.EqualValues(t, done, m.left(topology.StreamResults))
		require.Eventually(t, func() bool { return m.left(topology.StreamFetch) == uint64(20-done) }, patience, time.Millisecond,
			"what is finished is acknowledged when Run returns")

		m.env.Metrics = newRegistry()
		m.worker(events.StageFetch, 4, quickLimits(), gate(make(chan string, 100), open))
		for range 20 {
			m.result()
		}
		m.eventuallyEmpty(topology.StreamFetch)
		require.Zero(t, m.left(topology.StreamResults), "nothing was done twice")
	})

	t.Run("when work ends what is under way is handed back at once", func(t *testing.T) {
		m := newMill(t, time.Hour)
		begun := make(chan string, 100)
		w := m.worker(events.StageFetch, 4, quickLimits(), gate(begun, nil))
		m.submitMany(20, "gate")
		for range 4 {
			receive(t, begun)
		}
		w.stopIntake()
		select {
		case err := <-w.ended:
			require.NoError(t, err)
			require.Fail(t, "it did not wait for what is under way")
		case <-time.After(50 * time.Millisecond):
		}
		w.endWork()
		require.NoError(t, w.end())
		require.EqualValues(t, 20, m.left(topology.StreamFetch))
		require.Zero(t, m.left(topology.StreamResults))

		open := make(chan struct{})
		close(open)
		m.env.Metrics = newRegistry()
		m.worker(events.StageFetch, 4, quickLimits(), gate(begun, open))
		for range 20 {
			require.Equal(t, events.StatusOK, m.result().Status)
		}
		m.eventuallyEmpty(topology.StreamFetch)
	})

	t.Run("an operation that never ends does not keep the worker from ending", func(t *testing.T) {
		t.Parallel()
		m := newMill(t, time.Hour)
		begun, never := make(chan string, 2), make(chan struct{})
		defer close(never)
		intake, stop := context.WithCancel(t.Context())
		w, err := stage.NewWorker(m.env, events.StageFetch, stage.Fixed(1), quickLimits(), ops.NewSet(op("deaf", func(context.Context, ops.Input) (ops.Output, error) {
			begun <- ""
			<-never
			return ops.Output{}, nil
		})))
		require.NoError(t, err)
		ended := make(chan error, 1)
		go func() { ended <- w.Run(intake, intake) }()
		m.submitMany(1, "deaf")
		receive(t, begun)
		stop()
		require.ErrorContains(t, receive(t, ended), "did not end")
		require.EqualValues(t, 1, m.left(topology.StreamFetch))
	})

	t.Run("a worker that is told to stop before it starts ends", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.submitMany(3, "gate")
		intake, stop := context.WithCancel(t.Context())
		stop()
		w, err := stage.NewWorker(m.env, events.StageFetch, stage.Fixed(1), quickLimits(), ops.NewSet())
		require.NoError(t, err)
		require.NoError(t, run(t, func(_, work context.Context) error { return w.Run(intake, work) }).end())
		r, err := stage.New(m.env, stage.Config{
			Stage: events.StageCrunch, Concurrency: 1, Sources: []natsjs.Source{{Stream: topology.StreamFetch, Consumer: "normal"}},
		}, nil)
		require.NoError(t, err)
		require.NoError(t, run(t, func(_, work context.Context) error { return r.Run(intake, work) }).end())
		require.EqualValues(t, 3, m.left(topology.StreamFetch))
	})

	t.Run("a worker that is told to stop while it starts ends", func(t *testing.T) {
		m := newMill(t, time.Hour)
		for i := range 20 {
			m.env.Metrics = newRegistry()
			w := m.worker(events.StageFetch, 1, quickLimits())
			select {
			case <-time.After(time.Duration(i) * 300 * time.Microsecond): // at some point of its start
			case err := <-w.ended:
				require.NoError(t, err)
			}
			w.stopIntake()
			require.NoError(t, w.end())
		}
	})

	t.Run("a connection that is closed for good is reported", func(t *testing.T) {
		m := newMill(t, time.Hour)
		begun := make(chan string, 1)
		w, err := stage.NewWorker(m.env, events.StageFetch, stage.Fixed(1), quickLimits(), ops.NewSet(gate(begun, nil)))
		require.NoError(t, err)
		ended := make(chan error, 1)
		go func() { ended <- w.Run(t.Context(), t.Context()) }()
		m.submitMany(1, "gate")
		receive(t, begun)
		m.env.Conn.Close()
		require.ErrorContains(t, receive(t, ended), "connection")
	})
}

// TestStopLeavesNothing looks at all goroutines of the process, so no other test may run beside it.
func TestStopLeavesNothing(t *testing.T) {
	t.Run("missing consumers are reported with the remedy", func(t *testing.T) {
		m := newMill(t, time.Hour)
		require.NoError(t, m.js.DeleteConsumer(t.Context(), topology.StreamFetch, topology.LaneConsumer(events.LaneLow)))
		before := goleak.IgnoreCurrent()
		m.env.Conn = m.broker.Connect()
		w, err := stage.NewWorker(m.env, events.StageFetch, stage.Fixed(1), quickLimits(), ops.NewSet())
		require.NoError(t, err)
		err = w.Run(t.Context(), t.Context())
		require.ErrorContains(t, err, "fetchmill setup")
		require.ErrorContains(t, err, "stage fetch")
		m.env.Conn.Close()
		leaktest.None(t, before)
	})

	t.Run("no goroutine is left", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.submit(item("first", events.StageFetch, "ok")) // what the test's own connection needs is there
		before := goleak.IgnoreCurrent()
		m.env.Conn = m.broker.Connect()
		w := m.worker(events.StageFetch, 8, quickLimits(), op("ok", func(context.Context, ops.Input) (ops.Output, error) {
			return ops.Output{}, nil
		}), waiting(make(chan struct{}, 9)))
		m.submitMany(50, "ok")
		for range 51 {
			m.result()
		}
		m.submit(item("w", events.StageFetch, "wait"))
		w.stopIntake()
		w.endWork()
		require.NoError(t, w.end())
		m.env.Conn.Close()
		leaktest.None(t, before)
	})
}

func TestRunner(t *testing.T) {
	config := stage.Config{
		Stage: events.StageFetch, Concurrency: 2, Sources: []natsjs.Source{{Stream: topology.StreamFetch, Consumer: "normal", Weight: 1}},
	}

	t.Run("delivers a message again whose handler panicked, and counts a retry", func(t *testing.T) {
		m := newMill(t, time.Hour)
		var calls atomic.Int64
		r, err := stage.New(m.env, config, func(_ context.Context, msg stage.Message) stage.Verdict {
			if calls.Add(1) == 1 {
				panic("boom")
			}
			if msg.Delivery != 2 || string(msg.Data) != "x" || msg.Subject != "fetch.normal.x" || msg.Seq != 1 || time.Since(msg.Stored) > patience {
				return stage.Done(stage.OutcomeFailed)
			}
			return stage.Done(stage.OutcomeDone)
		})
		require.NoError(t, err)
		run(t, r.Run)
		m.put("fetch.normal.x", []byte("x"))
		m.eventuallyEmpty(topology.StreamFetch)
		require.Equal(t, map[[2]string]float64{
			{"fetch", "done"}: 1, {"fetch", "retry"}: 1, {"fetch", "failed"}: 0, {"fetch", "cancelled"}: 0, {"fetch", "waiting"}: 0, {"fetch", "rejected"}: 0,
		}, m.series("fetchmill_stage_messages_total"))
	})

	t.Run("hands a message back that its handler wants again", func(t *testing.T) {
		m := newMill(t, time.Hour)
		var calls atomic.Int64
		r, err := stage.New(m.env, config, func(context.Context, stage.Message) stage.Verdict {
			if calls.Add(1) < 5 {
				return stage.Again(0)
			}
			return stage.Done(stage.OutcomeDone)
		})
		require.NoError(t, err)
		run(t, r.Run)
		m.put("fetch.normal.x", []byte("x"))
		m.eventuallyEmpty(topology.StreamFetch)
		require.EqualValues(t, 5, calls.Load())
	})

	t.Run("refuses a concurrency below one", func(t *testing.T) {
		m := newMill(t, time.Hour)
		bad := config
		bad.Concurrency = 0
		_, err := stage.New(m.env, bad, nil)
		require.ErrorContains(t, err, "concurrency")
	})

	t.Run("publishes before it acknowledges, also over restarts of the broker", func(t *testing.T) {
		m := newMill(t, time.Second)
		const n, restarts = 1500, 3
		m.submitMany(n, "ok")
		m.worker(events.StageFetch, 8, quickLimits(), op("ok", func(context.Context, ops.Input) (ops.Output, error) {
			<-time.After(2 * time.Millisecond) // the work
			return ops.Output{}, nil
		}))
		for i := range restarts {
			require.Eventually(t, func() bool { return m.sum("fetchmill_stage_messages_total") >= float64(i*n/4+20) }, patience, time.Millisecond)
			m.broker.Stop()
			m.broker.Start()
		}
		require.Eventually(t, m.js.Conn().IsConnected, patience, time.Millisecond)
		ids := map[string]bool{}
		for range n {
			ids[m.result().ID] = true
		}
		require.Len(t, ids, n)
		m.broker.Provision(m.cfg) // as everybody does who starts a broker: it removes what is done and was left behind
		m.eventuallyEmpty(topology.StreamFetch)
		require.Zero(t, m.left(topology.StreamResults), "nothing was stored twice")
	})
}
