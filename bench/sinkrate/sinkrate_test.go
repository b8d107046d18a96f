package sinkrate

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
		Rows: 250, Group: 100, Hosts: 7, Rounds: 1, Reduce: true, Windows: true, Log: slog.New(slog.DiscardHandler), Progress: func(what string) { progress = append(progress, what) },
	})
	require.NoError(t, err)
	require.Len(t, progress, 7)
	require.Len(t, r.Databases, 1)
	d := r.Databases[0]
	for name, f := range map[string]Figures{
		"bare": d.Bare, "store": d.Store, "sink": d.Sink, "store, reduced": d.Reduced.Store, "sink, reduced": d.Reduced.Sink,
		"store, windowed": d.Windowed.Store, "sink, windowed": d.Windowed.Sink,
	} {
		require.Positive(t, f.PerSecond, name)
		require.Len(t, f.Rates, 1, name)
	}
	require.InDelta(t, d.Store.PerSecond/d.Bare.PerSecond, d.StoreOf, 1e-9)
	require.InDelta(t, d.Reduced.Sink.PerSecond/d.Sink.PerSecond, d.Reduced.SinkOf, 1e-9)
	require.InDelta(t, d.Windowed.Store.PerSecond/d.Store.PerSecond, d.Windowed.StoreOf, 1e-9)
	var text bytes.Buffer
	require.NoError(t, r.Print(&text))
	require.Contains(t, text.String(), "SQLite, whole sink with reductions")
	require.Contains(t, text.String(), "SQLite, store with windows")
	_, err = json.Marshal(r)
	require.NoError(t, err)
}

func TestRunRefusesNothingToDo(t *testing.T) {
	_, err := Run(t.Context(), Config{})
	require.Error(t, err)
}
