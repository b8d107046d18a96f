package programs

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMemory_is_limited(t *testing.T) {
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	p := helper("")
	p.argv, p.memory = []string{sh, "-c", `read line; echo "{\"id\":1,\"value\":$(ulimit -v)}"; read line`}, 1<<30
	answers(t, runner(t, p), "limit", "1048576")
}
