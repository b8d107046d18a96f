package stage_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/natsjs"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestBacklog(t *testing.T) {
	m := newMill(t, time.Hour)
	value := func(name string) float64 { return m.series(name)[[2]string{string(events.StageIngest), ""}] }
	runner, err := stage.New(m.env, stage.Config{Stage: events.StageIngest, Sources: []natsjs.Source{{Stream: topology.StreamWork, Consumer: topology.ConsumerIngest, Weight: 1}}, Concurrency: 4}, func(context.Context, stage.Message) stage.Verdict {
		<-time.After(20 * time.Millisecond) // what is measured; longer is no fault
		return stage.Done(stage.OutcomeDone)
	})
	require.NoError(t, err)
	// A look that the broker does not answer in time tells nothing.
	require.Eventually(t, func() bool { return value("fetchmill_stage_wanted_replicas") == 1 }, patience, time.Millisecond)
	require.Zero(t, value("fetchmill_stage_lag"))

	for range 40 {
		_, err := m.js.Publish(t.Context(), "work.x", []byte("x"))
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return value("fetchmill_stage_lag") == 40 }, patience, time.Millisecond)
	require.Eventually(t, func() bool { return value("fetchmill_stage_arrival_per_second") > 0 }, patience, time.Millisecond)
	require.Zero(t, value("fetchmill_stage_capacity_per_second"), "nothing has ended")
	running := run(t, runner.Run)
	require.Eventually(t, func() bool { return value("fetchmill_stage_lag") == 0 && runner.Load().Capacity > 0 }, patience, 10*time.Millisecond)
	l := runner.Load()
	require.LessOrEqual(t, l.Capacity, 4/0.02, "four places, and at least 20 ms for each")
	require.InDelta(t, l.Capacity, value("fetchmill_stage_capacity_per_second"), l.Capacity)

	// Without an answer of the broker the rest is told all the same.
	running.stopIntake()
	require.NoError(t, running.end())
	m.env.Conn.Close()
	require.Empty(t, m.series("fetchmill_stage_lag"))
	require.NotEmpty(t, m.series("fetchmill_stage_capacity_per_second"))
}
