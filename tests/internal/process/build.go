package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build builds fetchmill into dir and returns its path. It is meant for TestMain, so that all tests of a package share it.
func Build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "fetchmill")
	args := []string{"build", "-o", path}
	if os.Getenv("FETCHMILL_TEST_RACE") != "" { // much slower; for a closer look by hand
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "github.com/fetchmill/fetchmill/cmd/fetchmill")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build fetchmill: %w\n%s", err, out)
	}
	return path, nil
}
