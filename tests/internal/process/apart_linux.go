package process

import (
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// apart is set in the environment of a test that runs apart.
const apart = "FETCHMILL_TEST_APART"

// Apart runs a test once more in a process with a mount namespace of its own, where it may mount what it likes and of which nothing is left
// whatever happens to it. In that process it returns true; in the first one it returns false when the other has ended well. It needs no
// rights where users may have namespaces. More of the environment may be given as NAME=VALUE.
func Apart(t *testing.T, environment ...string) bool {
	t.Helper()
	if os.Getenv(apart) != "" {
		return true
	}
	self, err := os.Executable()
	require.NoError(t, err)
	args := []string{"--mount"}
	if os.Geteuid() != 0 {
		args = append(args, "--user", "--map-root-user")
	}
	require.NoError(t, exec.CommandContext(t.Context(), "unshare", append(args, "true")...).Run(),
		"no namespace can be had: be root, or let users have them (on Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0), or leave this test out with -skip '^%s$'", t.Name())
	args = append(args, self)
	flag.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "test.run", "test.skip", "test.count", "test.v", "test.testlogfile", "test.coverprofile":
		default:
			args = append(args, "-"+f.Name+"="+f.Value.String())
		}
	})
	cmd := exec.CommandContext(t.Context(), "unshare", append(args, "-test.count=1", "-test.v", "-test.run=^"+t.Name()+"$")...)
	cmd.Env = append(append(os.Environ(), apart+"=yes"), environment...)
	out, err := cmd.CombinedOutput()
	t.Log("apart:\n| " + strings.ReplaceAll(strings.TrimSpace(string(out)), "\n", "\n| ")) // so that nobody counts its tests twice
	require.NoError(t, err)
	return false
}
