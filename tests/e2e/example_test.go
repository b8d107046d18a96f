package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// example copies a folder of examples, where its commands may write.
func example(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "examples", name))))
	return dir
}

// follow runs the commands in the README of an example that are marked as testable, in its folder. It returns what they print.
func (m *mill) follow(t *testing.T, dir string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(dir, "README.md"))
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```sh testable\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	require.NotEmpty(t, blocks)
	var all string
	for _, block := range blocks {
		cmd := exec.Command("bash", "-euxo", "pipefail", "-c", block[1])
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(fetchmill)+":"+os.Getenv("PATH"), "NATS_URL="+m.broker)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		all += string(out)
	}
	return all
}
