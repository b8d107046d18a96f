package stage_test

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func newRegistry() *prometheus.Registry { return prometheus.NewRegistry() }

// series returns the values of a counter or gauge, or the counts of a histogram, by stage and outcome.
func (m *mill) series(name string) map[[2]string]float64 {
	m.t.Helper()
	families, err := m.env.Metrics.(*prometheus.Registry).Gather()
	require.NoError(m.t, err)
	values := map[[2]string]float64{}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, s := range f.GetMetric() {
			var key [2]string
			for _, l := range s.GetLabel() {
				switch l.GetName() {
				case "stage":
					key[0] = l.GetValue()
				case "outcome", "reason":
					key[1] = l.GetValue()
				default:
					require.Fail(m.t, "unexpected label", l.GetName())
				}
			}
			values[key] = s.GetCounter().GetValue() + s.GetGauge().GetValue() + float64(s.GetHistogram().GetSampleCount())
		}
	}
	return values
}

func (m *mill) sum(name string) (sum float64) {
	m.t.Helper()
	for _, v := range m.series(name) {
		sum += v
	}
	return sum
}

func TestMetrics(t *testing.T) {
	const messages = "fetchmill_stage_messages_total"
	idle := func(context.Context, stage.Message) stage.Verdict { return stage.Done(stage.OutcomeDone) }

	t.Run("all series are there from the start, for each runner of a registry", func(t *testing.T) {
		m := newMill(t, time.Hour)
		for _, st := range []events.Stage{events.StageFetch, events.StageCrunch} {
			_, err := stage.New(m.env, stage.Config{Stage: st, Concurrency: 1}, idle)
			require.NoError(t, err)
		}
		got := m.series(messages)
		require.Len(t, got, 2*6)
		for _, o := range []stage.Outcome{stage.OutcomeDone, stage.OutcomeFailed, stage.OutcomeCancelled, stage.OutcomeRetry, stage.OutcomeWaiting, stage.OutcomeRejected} {
			require.Contains(t, got, [2]string{"fetch", string(o)})
			require.Contains(t, got, [2]string{"crunch", string(o)})
		}
		for _, name := range []string{"fetchmill_stage_duration_seconds", "fetchmill_stage_in_flight", "fetchmill_stage_publish_retries_total"} {
			require.Len(t, m.series(name), 2, name)
		}
		require.Zero(t, m.sum(messages))
	})

	t.Run("the same stage twice in one registry is refused", func(t *testing.T) {
		m := newMill(t, time.Hour)
		cfg := stage.Config{Stage: events.StageFetch, Concurrency: 1}
		_, err := stage.New(m.env, cfg, idle)
		require.NoError(t, err)
		_, err = stage.New(m.env, cfg, idle)
		require.ErrorContains(t, err, "metrics of stage fetch")
	})

	t.Run("each message is counted by what came of it", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.cancel("b")
		m.worker(events.StageFetch, 4, quickLimits(),
			failing("flaky", 2, ops.Retry(events.ReasonConnect, errTest)), always("fail", ops.Fail(events.ReasonConnect, errTest)),
			op("ok", func(context.Context, ops.Input) (ops.Output, error) { return ops.Output{}, nil }))
		m.submit(item("i1", events.StageFetch, "ok"))
		m.submit(item("i2", events.StageFetch, "ok"))
		m.submit(item("i3", events.StageFetch, "flaky"))
		m.submit(item("i4", events.StageFetch, "fail"))
		cancelled := item("i5", events.StageFetch, "ok")
		cancelled.Batch = "b"
		m.submit(cancelled)
		m.put("fetch.low.ok", []byte("garbage"))
		m.eventuallyEmpty(topology.StreamFetch)
		want := map[[2]string]float64{
			{"fetch", "done"}: 3, {"fetch", "retry"}: 2, {"fetch", "failed"}: 1, {"fetch", "cancelled"}: 1, {"fetch", "rejected"}: 1,
		}
		got := m.series(messages)
		waiting := got[[2]string{"fetch", "waiting"}] // come while the item rests; how many depends on the broker's speed
		require.LessOrEqual(t, waiting, 2.0)
		delete(got, [2]string{"fetch", "waiting"})
		require.Equal(t, want, got)
		require.InDelta(t, 8+waiting, m.sum("fetchmill_stage_duration_seconds"), 0)
		require.InDelta(t, 5, m.sum("fetchmill_stage_failures_total"), 0, "two attempts, one for good, one cancelled and one that cannot be read")
		require.Zero(t, m.sum("fetchmill_stage_in_flight"))
	})
}
