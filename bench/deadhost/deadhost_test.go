package deadhost_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/bench/deadhost"
	"github.com/fetchmill/fetchmill/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestTheLivingAreMeasured(t *testing.T) {
	r, err := deadhost.Run(t.Context(), deadhost.Config{
		Hosts: 5, Items: 50, Concurrency: 32, Latency: 5 * time.Millisecond, Rounds: 2, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	require.Len(t, r.With, 2)
	require.Len(t, r.Without, 2)
	for _, rate := range append(r.With, r.Without...) {
		require.Positive(t, rate)
		require.Less(t, rate, 6400.0, "nobody is faster than the hosts")
	}
	var text bytes.Buffer
	require.NoError(t, r.Print(&text))
	require.Contains(t, text.String(), "5 hosts")
	_, err = json.Marshal(r)
	require.NoError(t, err)
}

func TestFaultyConfigurationsAreRefused(t *testing.T) {
	_, err := deadhost.Run(t.Context(), deadhost.Config{})
	for _, what := range []string{"hosts", "items", "concurrency", "latency", "rounds"} {
		require.ErrorContains(t, err, what)
	}
}
