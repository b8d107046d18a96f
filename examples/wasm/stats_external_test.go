//go:build external

package wasm_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStats needs Debian's packages clang, lld, wasi-libc and libclang-rt-dev-wasm32.
func TestStats(t *testing.T) {
	out := filepath.Join(t.TempDir(), "stats.wasm")
	said, err := exec.CommandContext(t.Context(), "clang", "--target=wasm32-wasi", "-O2", "-o", out, "stats/stats.c").CombinedOutput()
	require.NoError(t, err, string(said))
	stats, err := os.ReadFile(out)
	require.NoError(t, err)

	r := run(t, stats, "1 2 3.5")
	require.Equal(t, `{"count": 3, "sum": 6.5, "least": 1, "most": 3.5}`+"\n", string(r.Stdout), "as its README says")
	r = run(t, stats, "1 two")
	require.EqualValues(t, 1, r.ExitCode)
	require.Equal(t, "two is no number\n", r.Stderr)
}
