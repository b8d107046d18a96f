//go:build external

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestExamplePythonMap(t *testing.T) {
	work := example(t, "python-map")
	m := up(t, t.TempDir(), "--programs", filepath.Join(work, "programs.yaml"))
	require.Equal(t, "invert", m.process.Find(`(?m)^ *programs +(.*)$`))

	m.follow(t, work)

	f, err := os.Open(filepath.Join(work, "results.ndjson"))
	require.NoError(t, err)
	defer f.Close()
	var values []string
	for dec := json.NewDecoder(f); dec.More(); {
		var r events.Result
		require.NoError(t, dec.Decode(&r))
		if r.Status == events.StatusOK {
			values = append(values, string(r.Value))
			continue
		}
		require.Equal(t, events.ReasonComputation, r.Reason)
		require.Equal(t, "program invert: ZeroDivisionError: division by zero", r.Error)
		require.Contains(t, string(r.Value), "Traceback (most recent call last)")
		values = append(values, "failed")
	}
	require.Equal(t, []string{"1.0", "0.5", "failed", "0.25", "0.2"}, values)
}
