package pipeline

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRun(t *testing.T) {
	var progress []string
	r, err := Run(t.Context(), Config{
		Items: 200, Rounds: 1, Log: slog.New(slog.DiscardHandler),
		Progress: func(what string) { progress = append(progress, what) },
	})
	require.NoError(t, err)
	require.Len(t, progress, 4)
	for name, f := range map[string]Figures{"fetchmill": r.Fetchmill, "bare": r.Bare, "bare with database": r.BareRows, "stock": r.Stock} {
		require.Positive(t, f.PerSecond, name)
		require.Positive(t, f.CPUMicrosItem, name)
		require.Len(t, f.Rates, 1, name)
	}
	require.InDelta(t, r.Fetchmill.PerSecond/r.Bare.PerSecond, r.OfBare, 1e-9)

	var text bytes.Buffer
	require.NoError(t, r.Print(&text))
	require.Contains(t, text.String(), "stock watermill-nats")
	_, err = json.Marshal(r)
	require.NoError(t, err)
}

func TestRunAlone(t *testing.T) {
	r, err := Run(t.Context(), Config{Items: 50, Rounds: 2, Only: true, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.Len(t, r.Fetchmill.Rates, 2)
	require.Zero(t, r.OfBare)
}

func TestRunRefusesNothingToDo(t *testing.T) {
	_, err := Run(t.Context(), Config{})
	require.Error(t, err)
}
