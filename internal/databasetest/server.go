package databasetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// patience is how long a server may take to start, on a machine that is busy with much else.
const patience = 2 * time.Minute

// Server is a database server that runs.
type Server struct {
	dir   string // everything that it has; never empty, removed in the end
	user  *syscall.Credential
	cmd   *exec.Cmd
	alive io.Closer // the server is ended when this is closed, even by the death of the test

	databases atomic.Int64 // that were made
}

// newServer makes a server's folder, which belongs to the user that it will run as.
func newServer() (*Server, error) {
	dir, err := os.MkdirTemp("/tmp", "fmdb") // the path of a Unix socket may have some 100 bytes
	if err != nil {
		return nil, fmt.Errorf("make a folder for a database: %w", err)
	}
	s := &Server{dir: dir}
	if os.Geteuid() != 0 {
		return s, nil
	}
	// Database servers refuse to run as root.
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.user = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	if err := os.Chown(dir, int(uid), int(uid)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// path is a file or folder of the server.
func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }

// command prepares a program to run as the server's user.
func (s *Server) command(ctx context.Context, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // the database servers that find has found
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "LC_ALL=C", "TMPDIR="+s.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user}
	return cmd
}

// prepare runs a program to its end.
func (s *Server) prepare(ctx context.Context, path string, args ...string) error {
	if out, err := s.command(ctx, path, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(path), err, out)
	}
	return nil
}

// guard runs a server until its standard input ends, and removes its folder ($0), so that neither outlives its test, however that ends.
const guard = `"$@" & server=$!; cat >/dev/null; kill -QUIT $server 2>/dev/null; wait $server; rm -rf "$0"`

// start starts the server and waits until ready is nil.
func (s *Server) start(ctx context.Context, ready func(context.Context) error, path string, args ...string) error {
	log, err := os.Create(s.path("log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	s.cmd = s.command(context.WithoutCancel(ctx), "/bin/sh", append([]string{"-c", guard, s.dir, path}, args...)...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if s.alive, err = s.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		s.alive = nil
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			text, _ := os.ReadFile(s.path("log"))
			return fmt.Errorf("%s does not answer: %w\n%s", filepath.Base(path), err, text)
		case <-again.C:
		}
	}
}

// Close ends the server and removes what it has stored.
func (s *Server) Close() error {
	var errs []error
	if s.alive != nil {
		_ = s.alive.Close()
		_ = s.cmd.Wait() // killed is how it ends
		s.alive = nil
	}
	errs = append(errs, os.RemoveAll(s.dir))
	return errors.Join(errs...)
}

// find returns the path of a server's program. Distributions keep them out of the usual path.
func find(name, remedy string, patterns ...string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		// A link elsewhere would hide the files that are beside the program.
		return filepath.EvalSymlinks(path)
	}
	var found []string
	for _, p := range patterns {
		list, err := filepath.Glob(p)
		if err != nil {
			return "", err
		}
		found = append(found, list...)
	}
	if len(found) == 0 {
		return "", fmt.Errorf("the tests need %s, which is neither in $PATH nor at %s: install it with: %s", name, strings.Join(patterns, ", "), remedy)
	}
	slices.Sort(found)
	return found[len(found)-1], nil
}
