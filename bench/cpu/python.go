package cpu

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

//go:embed python.py
var script string

// FindPython looks for an interpreter; empty if there is none.
func FindPython(ctx context.Context) string {
	for _, path := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(ctx, path, "-c", "import multiprocessing").Run() == nil {
			return path
		}
	}
	return ""
}

// pictures tells whether an interpreter has the library that makes thumbnails.
func pictures(ctx context.Context, python string) bool {
	return python != "" && exec.CommandContext(ctx, python, "-c", "import PIL").Run() == nil
}

// python has Python do some work. Its own start does not count, that of the pool's processes does.
func (b *bench) python(ctx context.Context, w *work, pool bool) (time.Duration, error) {
	path := filepath.Join(b.dir, "work.py") // the processes of a pool may want to read it
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		return 0, err
	}
	mode, arg := "serial", int64(0)
	if pool {
		mode = "pool"
	}
	if len(w.args) > 0 {
		arg = w.args[0]
	}
	cmd := exec.CommandContext(ctx, b.cfg.Python, path, w.python, strconv.Itoa(w.items), strconv.FormatInt(arg, 10), b.dir, mode)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", w.python, err)
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		return 0, fmt.Errorf("%s printed %.60q: %w", w.python, out, err)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}
