package iorate_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/bench/iorate"
	"github.com/fetchmill/fetchmill/internal/site/sitetest"
)

func TestMain(m *testing.M) { sitetest.Main(m) }

func small() iorate.Config {
	return iorate.Config{
		Items: 60, Concurrency: []int{4, 8}, Latency: 5 * time.Millisecond, Recipe: "page", Rounds: 2,
		Site: sitetest.Command(), Log: slog.New(slog.DiscardHandler),
	}
}

func TestContendersAreMeasured(t *testing.T) {
	for _, recipe := range []string{"page", "uptime"} {
		t.Run(recipe, func(t *testing.T) {
			cfg := small()
			cfg.Recipe = recipe
			measured(t, cfg, 2)
		})
	}
}

// measured requires that so many contenders are measured at both levels.
func measured(t *testing.T, cfg iorate.Config, contenders int) {
	t.Helper()
	var said []string
	cfg.Progress = func(what string) { said = append(said, what) }
	var profiled, stopped int
	cfg.Profile = func(int) (func() error, error) {
		profiled++
		return func() error { stopped++; return nil }, nil
	}
	r, err := iorate.Run(t.Context(), cfg)
	require.NoError(t, err)
	require.Len(t, said, 2*2*contenders)
	require.Equal(t, []int{2, 2}, []int{profiled, stopped}, "the last level only")
	require.Len(t, r.Levels, 2)
	var text bytes.Buffer
	require.NoError(t, r.Print(&text))
	_, err = json.Marshal(r)
	require.NoError(t, err)
	for i, ideal := range []float64{800, 1600} {
		l := r.Levels[i]
		require.InDelta(t, ideal, l.Ideal, 0.1)
		require.Len(t, l.Contenders, contenders)
		for _, f := range l.Contenders {
			require.Len(t, f.Rates, 2)
			require.Positive(t, f.PeakBytes, f.Name)
			require.Less(t, f.PerSecond, ideal, "nobody is faster than the site: %s", f.Name)
			require.Positive(t, f.PerSecond)
			require.Contains(t, text.String(), f.Name)
		}
	}
}

func TestTheLatencyIsChosenSoThatTheIdealCanBeReached(t *testing.T) {
	cfg := small()
	cfg.Latency, cfg.Ideal, cfg.Items, cfg.Concurrency, cfg.Rounds = 0, 40, 4, []int{2, 8}, 1
	r, err := iorate.Run(t.Context(), cfg)
	require.NoError(t, err)
	require.InDelta(t, 100, r.Levels[0].LatencyMS, 0.1, "the least")
	require.InDelta(t, 200, r.Levels[1].LatencyMS, 0.1)
	require.InDelta(t, 40, r.Levels[1].Ideal, 0.1)
}

func TestFaultyConfigurationsAreRefused(t *testing.T) {
	cfg := small()
	cfg.Items, cfg.Concurrency, cfg.Latency, cfg.Ideal, cfg.Rounds, cfg.Recipe = -1, []int{0}, 0, -1, 0, "count"
	_, err := iorate.Run(t.Context(), cfg)
	for _, what := range []string{"items", "concurrency", "ideal", "rounds", "recipe"} {
		require.ErrorContains(t, err, what)
	}
}

func TestASiteThatDoesNotStartIsAnError(t *testing.T) {
	cfg := small()
	cfg.Site = []string{"/bin/false"}
	_, err := iorate.Run(t.Context(), cfg)
	require.ErrorContains(t, err, "URL")
}
