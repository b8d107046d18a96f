package natscli

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// cliVersion is the version of the nats command line in module/nats.mod.
const cliVersion = "v0.4.0"

// module is the go.mod and go.sum of a module that needs nothing but the nats command line. It is apart from our own
// module because the command line needs other versions of the same libraries. To change the version, write it into
// nats.mod and run: go build -mod=mod github.com/nats-io/natscli/nats in a folder with the two files.
//
//go:embed module
var module embed.FS

// buildTime is long enough to download and compile everything on a slow machine.
const buildTime = 10 * time.Minute

// Build returns the path of the nats command line.
func Build(tb testing.TB) string {
	tb.Helper()
	path, err := cached(tb.Context(), "nats", cliVersion, func(ctx context.Context, out string) error {
		return buildCLI(ctx, tb.TempDir(), out)
	})
	if err != nil {
		tb.Fatalf("the nats command line is needed for this test: %v", err)
	}
	return path
}

// BuildServer returns the path of nats-server in the version of our go.mod.
func BuildServer(tb testing.TB) string {
	tb.Helper()
	const pkg = "github.com/nats-io/nats-server/v2"
	version, err := goTool(tb.Context(), "", nil, "list", "-m", "-f", "{{.Version}}", pkg)
	if err != nil {
		tb.Fatalf("the version of nats-server is needed for this test: %v", err)
	}
	path, err := cached(tb.Context(), "nats-server", version, func(ctx context.Context, out string) error {
		_, err := goTool(ctx, "", nil, "build", "-o", out, pkg)
		return err
	})
	if err != nil {
		tb.Fatalf("nats-server is needed for this test: %v", err)
	}
	return path
}

func buildCLI(ctx context.Context, dir, out string) error {
	for embedded, name := range map[string]string{"nats.mod": "go.mod", "nats.sum": "go.sum"} {
		data, err := module.ReadFile("module/" + embedded)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	_, err := goTool(ctx, dir, []string{"GOWORK=off"}, "build", "-mod=mod", "-o", out, "github.com/nats-io/natscli/nats")
	return err
}

// cached returns the path of a program, after building it if this version has not been built yet. Test binaries run side
// by side, so a lock lets one build while the others wait, and a rename puts the program in its place all at once.
func cached(ctx context.Context, name, version string, build func(ctx context.Context, out string) error) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder to build into (set XDG_CACHE_HOME or HOME): %w", err)
	}
	dir := filepath.Join(cache, "fetchmill-test", name+"-"+version+"-"+runtime.Version()+"-"+runtime.GOARCH)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	unlock, err := lockedfile.MutexAt(filepath.Join(dir, "lock")).Lock()
	if err != nil {
		return "", fmt.Errorf("lock %s: %w", dir, err)
	}
	defer unlock()

	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	ctx, cancel := context.WithTimeout(ctx, buildTime)
	defer cancel()
	unfinished := path + ".unfinished"
	if err := build(ctx, unfinished); err != nil {
		return "", fmt.Errorf("build %s %s: %w", name, version, err)
	}
	return path, os.Rename(unfinished, path)
}

// goTool runs the go command in dir and returns what it printed.
func goTool(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(stdout.String()), nil
}
