package queries

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRun(t *testing.T) {
	r, err := Run(t.Context(), Config{Rows: 6000, Targets: 3, Times: 2})
	require.NoError(t, err)
	require.Equal(t, "SQLite", r.Database)
	for _, q := range r.Queries {
		require.Positive(t, q.MedianMS, q.Name)
		require.GreaterOrEqual(t, q.WorstMS, q.MedianMS, q.Name)
	}
	found := map[string]int{}
	for _, q := range r.Queries {
		found[q.Name] = q.Found
	}
	require.Len(t, found, len(r.Queries), "each has a name of its own")
	require.Equal(t, 100, found["the newest results"])
	require.Equal(t, 1, found["one result by its id"])
	require.Positive(t, found["a host"])
	require.Equal(t, 1000, found["a page of 1000"])
	require.Equal(t, 100, found["a page from the middle"])
	require.Zero(t, found["text that is nowhere"])
	require.Equal(t, 3, found["100 targets"])
	require.Equal(t, daysKept, found["one target"])
	var text bytes.Buffer
	require.NoError(t, r.Print(&text))
	require.Contains(t, text.String(), "SQLite with 6000 rows and 3 targets")
	_, err = json.Marshal(r)
	require.NoError(t, err)
}

func TestRunRefusesNothingToDo(t *testing.T) {
	_, err := Run(t.Context(), Config{})
	require.Error(t, err)
}
