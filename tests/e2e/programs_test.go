//go:build external

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestExamplePythonMap(t *testing.T) {
	dir, err := filepath.Abs("../../examples/python-map")
	require.NoError(t, err)
	m := up(t, t.TempDir(), "--programs", filepath.Join(dir, "programs.yaml"))
	require.Equal(t, "invert", m.process.Find(`(?m)^ *programs +(.*)$`))

	page, err := os.ReadFile(filepath.Join(dir, "README.md"))
	require.NoError(t, err)
	work := t.TempDir()
	items, err := os.ReadFile(filepath.Join(dir, "items.ndjson"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(work, "items.ndjson"), items, 0o600))
	blocks := regexp.MustCompile("(?s)```sh testable\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		cmd := exec.Command("bash", "-euxo", "pipefail", "-c", block[1])
		cmd.Dir = work
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(fetchmill)+":"+os.Getenv("PATH"), "NATS_URL="+m.broker)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
	}

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
