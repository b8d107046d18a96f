package site

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// Serve is the whole life of a process that is nothing but a site: it prints its URL, and ends when stdin or ctx ends, so that
// it never outlives whoever has started it.
func Serve(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	s, err := Start(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := fmt.Fprintln(stdout, s.URL); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, stdin) // its end is all that counts
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	return nil
}

// Process is a site in a process of its own.
type Process struct {
	URL   string
	PID   int
	cmd   *exec.Cmd
	stdin io.Closer
}

// StartProcess starts a command that calls Serve. Close must be called in the end.
func StartProcess(ctx context.Context, command []string) (*Process, error) {
	if len(command) == 0 {
		return nil, errors.New("start the site: no command")
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // the caller's own program
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the site: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the site: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the site: %w", err)
	}
	p := &Process{PID: cmd.Process.Pid, cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the site: it did not say its URL: %w", err), p.Close())
	}
	p.URL = strings.TrimSpace(line)
	return p, nil
}

// Close ends the process and waits for it.
func (p *Process) Close() error {
	_ = p.stdin.Close() // it may have ended already
	return p.cmd.Wait()
}
