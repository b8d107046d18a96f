package scale_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/bench/scale"
	"github.com/fetchmill/fetchmill/internal/site/sitetest"
)

func TestMain(m *testing.M) { sitetest.Main(m) }

func small(t *testing.T) scale.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fetchmill")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../../cmd/fetchmill").CombinedOutput()
	require.NoError(t, err, string(out))
	return scale.Config{
		Fetchers: []int{1, 2}, Concurrency: 2, Latency: 20 * time.Millisecond, Crunchers: []int{1}, Increments: 1000,
		For: 300 * time.Millisecond, Rounds: 1, Starts: 1,
		Command: []string{path}, Site: sitetest.Command(), Log: slog.New(slog.DiscardHandler),
	}
}

func TestRun(t *testing.T) {
	r, err := scale.Run(t.Context(), small(t))
	require.NoError(t, err)
	require.Len(t, r.Fetchers, 2)
	require.Equal(t, 2, r.Fetchers[1].Processes)
	require.InDelta(t, 200, r.Fetchers[1].Ideal, 1e-9)
	require.InDelta(t, 1, r.Fetchers[0].OfLinear, 1e-9)
	for _, p := range r.Fetchers {
		require.Positive(t, p.PerSecond)
	}
	require.Positive(t, r.Crunchers[0].PerSecond)
	require.Len(t, r.Starts.AllMS, 1)
	require.Positive(t, r.Starts.MostMS)
	require.Positive(t, r.Down.Submitted)
	require.Equal(t, r.Down.Submitted, r.Down.Rows)
	require.Equal(t, r.Down.Submitted, r.Down.OK)

	var printed bytes.Buffer
	require.NoError(t, r.Print(&printed))
	require.Contains(t, printed.String(), "of linear")
	require.Contains(t, printed.String(), "From 4 to 1 fetchers under load")
	data, err := json.Marshal(r)
	require.NoError(t, err)
	require.Contains(t, string(data), `"of_linear"`)
}

func TestRun_refuses_what_cannot_be_measured(t *testing.T) {
	_, err := scale.Run(t.Context(), scale.Config{Fetchers: []int{0}, Crunchers: []int{1}, Starts: -1})
	for _, fault := range []string{"fetchers: 0", "concurrency: 0", "latency: 0s", "increments: 0", "duration: 0s", "rounds: 0", "starts: -1", "no command"} {
		require.ErrorContains(t, err, fault)
	}
}
