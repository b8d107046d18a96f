package arch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Pkg is what go list tells about a package, as far as the rules need it.
type Pkg struct {
	Dir            string
	ImportPath     string
	Name           string
	Doc            string
	Module         struct{ Path string }
	GoFiles        []string
	IgnoredGoFiles []string // for other platforms or build tags
	TestGoFiles    []string
	XTestGoFiles   []string
	Imports        []string
	TestImports    []string
	XTestImports   []string
}

// rel is the package's path inside the module.
func (p *Pkg) rel() string { return relative(p.Module.Path, p.ImportPath) }

// relative is an import path inside the module, "." for its root, or "" for what is outside.
func relative(module, path string) string {
	if path == module {
		return "."
	}
	rel, inside := strings.CutPrefix(path, module+"/")
	if !inside {
		return ""
	}
	return rel
}

// sources lists the package's files that are not tests.
func (p *Pkg) sources() []string {
	var files []string
	for _, f := range append(append([]string{}, p.GoFiles...), p.IgnoredGoFiles...) {
		if !strings.HasSuffix(f, "_test.go") {
			files = append(files, f)
		}
	}
	return files
}

// List reads all packages of the module that dir is in.
func List(ctx context.Context, dir string) ([]Pkg, error) {
	root, err := goList(ctx, dir, "-m", "-f", "{{.Dir}}")
	if err != nil {
		return nil, err
	}
	out, err := goList(ctx, strings.TrimSpace(root), "-json", "./...")
	if err != nil {
		return nil, err
	}
	var pkgs []Pkg
	for dec := json.NewDecoder(strings.NewReader(out)); ; {
		var p Pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs, nil
		} else if err != nil {
			return nil, fmt.Errorf("read the output of go list: %w", err)
		}
		pkgs = append(pkgs, p)
	}
}

func goList(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"list"}, args...)...)
	cmd.Dir = dir
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go list %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// countLines counts the lines of a file of the package.
func countLines(p *Pkg, file string) (int, error) {
	data, err := os.ReadFile(filepath.Join(p.Dir, file))
	if err != nil {
		return 0, err
	}
	return strings.Count(string(data), "\n"), nil
}
