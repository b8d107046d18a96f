package uptime_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/bench/uptime"
	"github.com/fetchmill/fetchmill/internal/site/sitetest"
)

func TestMain(m *testing.M) { sitetest.Main(m) }

func TestChecksAreMeasured(t *testing.T) {
	profiled := 0
	r, err := uptime.Run(t.Context(), uptime.Config{
		Targets: 20, Interval: time.Second, WarmUp: time.Second, For: 3 * time.Second,
		Site: sitetest.Command(), Log: slog.New(slog.DiscardHandler), Progress: func(string) {},
		Profile: func() (func() error, error) { return func() error { profiled++; return nil }, nil },
	})
	require.NoError(t, err)
	require.GreaterOrEqual(t, r.Due, 20*3)
	require.Zero(t, r.Missing)
	require.Zero(t, r.Failed)
	require.Positive(t, r.Begun.Max)
	require.GreaterOrEqual(t, r.Ended.Max, r.Begun.P50)
	require.Positive(t, r.CPUPercent)
	require.Equal(t, 1, profiled)
	var text bytes.Buffer
	require.NoError(t, r.Print(&text))
	require.Contains(t, text.String(), "20 targets every 1 s")
	_, err = json.Marshal(r)
	require.NoError(t, err)
}

func TestFaultyConfigurationsAreRefused(t *testing.T) {
	_, err := uptime.Run(t.Context(), uptime.Config{})
	for _, what := range []string{"targets", "interval", "for"} {
		require.ErrorContains(t, err, what)
	}
}
