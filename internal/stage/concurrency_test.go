package stage_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/governor"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// load asks the fetch worker how busy it is.
func (m *mill) load() events.Load {
	m.t.Helper()
	c, err := client.New(m.broker.Connect())
	require.NoError(m.t, err)
	l, err := c.WorkerLoad(m.t.Context(), events.StageFetch)
	if errors.Is(err, client.ErrNoService) { // not yet
		return events.Load{}
	}
	require.NoError(m.t, err)
	return l
}

func TestParking(t *testing.T) {
	t.Run("an operation that waits for its turn gives its place to others, and goes on when it has it", func(t *testing.T) {
		m := newMill(t, time.Hour)
		turn := make(chan struct{})
		waiting := make(chan struct{}, 2)
		polite := op("polite", func(ctx context.Context, in ops.Input) (ops.Output, error) {
			resume := in.Park()
			defer resume()
			waiting <- struct{}{}
			select {
			case <-turn:
				return ops.Output{}, nil
			case <-ctx.Done():
				return ops.Output{}, ctx.Err()
			}
		})
		quick := op("quick", func(context.Context, ops.Input) (ops.Output, error) { return ops.Output{}, nil })
		m.worker(events.StageFetch, 1, quickLimits(), polite, quick)
		for i := range 2 {
			m.submit(item(fmt.Sprint("waits", i), events.StageFetch, "polite"))
			receive(t, waiting)
		}
		for i := range 10 {
			m.submit(item(fmt.Sprint("quick", i), events.StageFetch, "quick"))
			require.Equal(t, fmt.Sprint("quick", i), m.result().ID)
		}
		require.Equal(t, events.Load{Limit: 1, Parked: 2}, m.load())
		require.InDelta(t, 2, m.sum("fetchmill_stage_parked"), 0)
		require.InDelta(t, 1, m.sum("fetchmill_stage_concurrency_limit"), 0)
		close(turn)
		m.result()
		m.result()
		m.eventuallyEmpty(topology.StreamFetch)
		require.Eventually(t, func() bool { return reflect.DeepEqual(m.load(), events.Load{Limit: 1}) }, patience, time.Millisecond)
	})

	t.Run("what is in a bundle with it does not wait", func(t *testing.T) {
		const n = 3000
		m := newMill(t, time.Hour)
		for i := range n {
			m.put("fetch.normal.x", fmt.Append(nil, i))
		}
		var handled atomic.Int64
		release := make(chan struct{})
		r, err := stage.New(m.env, bundleConfig(1), func(_ context.Context, msg stage.Message) stage.Verdict {
			// By then the pace is that of quick messages, so this one is in the middle of a large bundle.
			if string(msg.Data) == fmt.Sprint(n-50) {
				defer msg.Park()()
				<-release
			}
			handled.Add(1)
			return stage.Done(stage.OutcomeDone)
		})
		require.NoError(t, err)
		run(t, r.Run)
		require.Eventually(t, func() bool { return handled.Load() == n-1 && m.left(topology.StreamFetch) == 1 }, patience, time.Millisecond)
		close(release)
		m.eventuallyEmpty(topology.StreamFetch)
	})

	t.Run("without places to give away it does nothing", func(t *testing.T) {
		require.NotPanics(t, func() { stage.Message{}.Park()() })
	})
}

func TestShareOfTheProcessors(t *testing.T) {
	m := newMill(t, time.Hour)
	w, err := stage.NewWorker(m.env, events.StageFetch, stage.Share(8, 0.75), quickLimits(), ops.Set{})
	require.NoError(t, err)
	run(t, w.Run)
	want := events.Load{Limit: 6, CPUs: 8, CPUShare: 0.75}
	require.Eventually(t, func() bool { return reflect.DeepEqual(m.load(), want) }, patience, time.Millisecond)
	require.InDelta(t, 6, m.sum("fetchmill_stage_concurrency_limit"), 0)
}

func TestAdaptiveConcurrency(t *testing.T) {
	m := newMill(t, time.Hour)
	g, err := governor.New(governor.Config{First: 10, Least: 2, Most: 200})
	require.NoError(t, err)
	var working, most atomic.Int64
	var short atomic.Bool
	slow := op("slow", func(ctx context.Context, _ ops.Input) (ops.Output, error) {
		most.Store(max(most.Load(), working.Add(1)))
		defer working.Add(-1)
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
		if short.Load() {
			return ops.Output{}, ops.Fail(events.ReasonConnect, &os.SyscallError{Syscall: "socket", Err: syscall.EMFILE})
		}
		return ops.Output{}, nil
	})
	w, err := stage.NewWorker(m.env, events.StageFetch, stage.Adaptive(g), quickLimits(), ops.NewSet(slow))
	require.NoError(t, err)
	run(t, w.Run)
	stop := make(chan struct{})
	ended := make(chan error, 1)
	go func() { ended <- m.flood(stop) }()

	require.Eventually(t, func() bool { return m.load().Limit >= 40 }, patience, time.Millisecond, "it grows")
	require.True(t, m.load().Adaptive)
	require.Eventually(t, func() bool { return most.Load() > 10 }, patience, time.Millisecond, "and so does what is under way")
	short.Store(true)
	require.Eventually(t, func() bool { return m.load().Limit == 2 }, patience, time.Millisecond, "it backs off when there are no more files")
	require.LessOrEqual(t, most.Load(), int64(200))
	close(stop)
	require.NoError(t, <-ended)
}

// flood keeps the fetch stage busy until it is told to stop.
func (m *mill) flood(stop <-chan struct{}) error {
	for i := 0; ; i++ {
		data, err := item(fmt.Sprint("i", i), events.StageFetch, "slow").Encode()
		if err != nil {
			return err
		}
		if _, err := m.js.PublishAsync(events.StepSubject(events.StageFetch, events.LaneNormal, "slow"), data); err != nil {
			return err
		}
		if i%500 != 499 {
			continue
		}
		for {
			select {
			case <-m.js.PublishAsyncComplete():
			case <-stop:
				return nil
			}
			if m.left(topology.StreamFetch) < 1000 {
				break
			}
			select {
			case <-time.After(10 * time.Millisecond):
			case <-stop:
				return nil
			}
		}
	}
}
