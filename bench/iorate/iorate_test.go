package iorate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fetchmill/fetchmill/bench/iorate"
	"github.com/fetchmill/fetchmill/internal/site"
)

// TestMain makes this program the site's process too.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "site" {
		if err := site.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func small() iorate.Config {
	return iorate.Config{
		Items: 60, Concurrency: 8, Latency: 5 * time.Millisecond, Recipe: "page", Rounds: 2,
		Site: []string{os.Args[0], "site"}, Log: slog.New(slog.DiscardHandler),
	}
}

func TestBothContendersAreMeasured(t *testing.T) {
	for _, recipe := range []string{"page", "uptime"} {
		t.Run(recipe, func(t *testing.T) {
			cfg := small()
			cfg.Recipe = recipe
			var said []string
			cfg.Progress = func(what string) { said = append(said, what) }
			var profiled, stopped int
			cfg.Profile = func(int) (func() error, error) {
				profiled++
				return func() error { stopped++; return nil }, nil
			}
			r, err := iorate.Run(t.Context(), cfg)
			require.NoError(t, err)
			require.InDelta(t, 1600, r.Ideal, 0.1)
			require.Len(t, said, 4)
			require.Equal(t, []int{2, 2}, []int{profiled, stopped})
			for _, f := range []iorate.Figures{r.Bare, r.Pipeline} {
				require.Len(t, f.Rates, 2)
				require.Positive(t, f.CPUSeconds)
				require.Positive(t, f.PeakBytes)
				require.Less(t, f.PerSecond, 1600.0, "nobody is faster than the site")
				require.Greater(t, f.PerSecond, 10.0)
			}

			var text bytes.Buffer
			require.NoError(t, r.Print(&text))
			require.Contains(t, text.String(), "bare loop")
			_, err = json.Marshal(r)
			require.NoError(t, err)
		})
	}
}

func TestFaultyConfigurationsAreRefused(t *testing.T) {
	cfg := small()
	cfg.Items, cfg.Concurrency, cfg.Latency, cfg.Rounds, cfg.Recipe = 0, 0, 0, 0, "count"
	_, err := iorate.Run(t.Context(), cfg)
	for _, what := range []string{"items", "concurrency", "latency", "rounds", "recipe"} {
		require.ErrorContains(t, err, what)
	}
}

func TestASiteThatDoesNotStartIsAnError(t *testing.T) {
	cfg := small()
	cfg.Site = []string{"/bin/false"}
	_, err := iorate.Run(t.Context(), cfg)
	require.ErrorContains(t, err, "URL")
}
