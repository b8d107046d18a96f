package sweep_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/bench/sweep"
	"github.com/fetchmill/fetchmill/internal/site/sitetest"
)

func TestMain(m *testing.M) { sitetest.Main(m) }

func small() sweep.Config {
	return sweep.Config{
		Latencies: []time.Duration{0, 50 * time.Millisecond}, Fixed: []int{1, 4}, WarmUp: 300 * time.Millisecond, For: 2 * time.Second,
		Rounds: 1, Site: sitetest.Command(), Log: slog.New(slog.DiscardHandler),
	}
}

func TestFixedAndAdaptiveAreMeasured(t *testing.T) {
	cfg := small()
	var said []string
	cfg.Progress = func(what string) { said = append(said, what) }
	var profiled, stopped int
	cfg.Profile = func() (func() error, error) {
		profiled++
		return func() error { stopped++; return nil }, nil
	}
	r, err := sweep.Run(t.Context(), cfg)
	require.NoError(t, err)
	require.Len(t, said, 6)
	require.Equal(t, []int{2, 2}, []int{profiled, stopped})
	require.Len(t, r.Sweeps, 2)
	for _, s := range r.Sweeps {
		require.Len(t, s.Settings, 3)
		for i, n := range []int{1, 4, 0} {
			require.Equal(t, n, s.Settings[i].Concurrency)
			require.Positive(t, s.Settings[i].CPUMicrosItem)
			require.Positive(t, s.Settings[i].PeakBytes)
			require.Len(t, s.Settings[i].Rates, 1)
			require.Positive(t, s.Settings[i].Limit)
		}
	}
	slow := r.Sweeps[1]
	require.Contains(t, []int{1, 4}, slow.Best)
	require.LessOrEqual(t, slow.Settings[0].PerSecond, 40.0, "one at a time is no faster than the site")
	require.Positive(t, slow.OfBest)

	var text bytes.Buffer
	require.NoError(t, r.Print(&text))
	require.Contains(t, text.String(), "adaptive, now ")
	_, err = json.Marshal(r)
	require.NoError(t, err)
}

func TestFaultyConfigurationsAreRefused(t *testing.T) {
	cfg := small()
	cfg.Latencies, cfg.Fixed, cfg.WarmUp, cfg.For, cfg.Rounds = []time.Duration{time.Microsecond}, []int{0}, -1, 0, 0
	_, err := sweep.Run(t.Context(), cfg)
	for _, what := range []string{"latencies", "concurrencies", "warm-up", "duration", "rounds"} {
		require.ErrorContains(t, err, what)
	}
	_, err = sweep.Run(t.Context(), sweep.Config{})
	require.ErrorContains(t, err, "there are none")
}

func TestASiteThatDoesNotStartIsAnError(t *testing.T) {
	cfg := small()
	cfg.Site = []string{"/bin/false"}
	_, err := sweep.Run(t.Context(), cfg)
	require.ErrorContains(t, err, "URL")
}
