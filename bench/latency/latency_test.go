package latency

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestRunsAreMeasured(t *testing.T) {
	r, err := Run(t.Context(), Config{Runs: 20, WarmUp: 5, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.Equal(t, 20, r.Runs)
	require.Positive(t, r.Min)
	require.LessOrEqual(t, r.Min, r.Median)
	require.LessOrEqual(t, r.Median, r.P95)
	require.LessOrEqual(t, r.P95, r.P99)
	require.LessOrEqual(t, r.P99, r.Max)
	var text bytes.Buffer
	require.NoError(t, r.Print(&text))
	require.Contains(t, text.String(), "20 runs")
}

func TestFaultyConfigurationsAreRefused(t *testing.T) {
	for _, cfg := range []Config{{Runs: 0}, {Runs: 1, WarmUp: -1}} {
		_, err := Run(t.Context(), cfg)
		require.Error(t, err)
	}
}

func TestQuantiles(t *testing.T) {
	var d durations
	for i := range 100 {
		d = append(d, time.Duration(i+1)*time.Millisecond)
	}
	require.Equal(t, []float64{1, 50, 95, 99, 100},
		[]float64{d.quantile(0), d.quantile(0.5), d.quantile(0.95), d.quantile(0.99), d.quantile(1)})
	require.InDelta(t, 1, durations{time.Millisecond}.quantile(0.99), 0)
}
