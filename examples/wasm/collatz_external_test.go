//go:build external

package wasm_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rustc finds a compiler of Rust that has the target: the first one of the path may be another than Debian's, and lack it.
func rustc(t *testing.T, target string) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/rustc", "rustc"} {
		dir, err := exec.CommandContext(t.Context(), name, "--print", "target-libdir", "--target", target).Output()
		if err != nil {
			continue
		}
		if _, err = os.Stat(strings.TrimSpace(string(dir))); err == nil {
			return name
		}
	}
	require.FailNow(t, "there is no rustc for "+target, "install Debian's packages rustc, libstd-rust-dev-wasm32 and lld")
	return ""
}

// TestCollatz needs Debian's packages rustc, libstd-rust-dev-wasm32 and lld.
func TestCollatz(t *testing.T) {
	const target = "wasm32-wasi"
	out := filepath.Join(t.TempDir(), "collatz.wasm")
	said, err := exec.CommandContext(t.Context(), rustc(t, target), "--target", target, "-O", "-C", "strip=symbols", "-C", "linker=wasm-ld",
		"-o", out, "collatz/collatz.rs").CombinedOutput()
	require.NoError(t, err, string(said))
	collatz, err := os.ReadFile(out)
	require.NoError(t, err)

	r := run(t, collatz, "1000000")
	require.Equal(t, `{"start": 837799, "steps": 524}`+"\n", string(r.Stdout), "as its README says")
	for input, why := range map[string]string{
		"ten": `"ten" is no number from 1 to 4294967295: `,
		"0":   "0 is no number from 1 to 4294967295",
		"":    `"" is no number from 1 to 4294967295: `,
	} {
		r = run(t, collatz, input)
		require.EqualValues(t, 1, r.ExitCode, input)
		require.Contains(t, r.Stderr, why)
	}
}
