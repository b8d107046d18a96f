package iorate

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

//go:embed python.py
var script string

// FindPython looks for an interpreter with both libraries. Debian has them as python3-aiohttp and python3-requests.
func FindPython(ctx context.Context) (string, error) {
	for _, path := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(ctx, path, "-c", "import aiohttp, requests").Run() == nil {
			return path, nil
		}
	}
	return "", errors.New("no python3 with aiohttp and requests was found: apt-get install python3-aiohttp python3-requests")
}

// startPython starts the script. It is told how many items to do, a line each time, and answers when they are done.
func startPython(ctx context.Context, python, mode string, l level) (*running, error) {
	method := "HEAD"
	if l.recipe == "page" {
		method = "GET"
	}
	cmd := exec.CommandContext(ctx, python, "-c", script, mode, method, l.url, strconv.Itoa(l.concurrency))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	answers := bufio.NewReader(stdout)
	r := &running{
		pid: cmd.Process.Pid,
		do: func(_ context.Context, n int) error {
			if _, err := fmt.Fprintln(stdin, n); err != nil {
				return err
			}
			return expect(answers, "done")
		},
		finish: func() error {
			_ = stdin.Close() // it may have ended already
			return cmd.Wait()
		},
		// A tenth of the rate is the least that is worth the wait.
		items: func(n int) int { return max(2*l.concurrency, n/4) },
	}
	if err := expect(answers, "ready"); err != nil {
		return nil, errors.Join(err, r.finish())
	}
	return r, nil
}

func expect(answers *bufio.Reader, want string) error {
	line, err := answers.ReadString('\n')
	if got := strings.TrimSpace(line); got != want {
		if errors.Is(err, io.EOF) {
			err = errors.New("it has ended")
		}
		return fmt.Errorf("expected %q, not %q: %w", want, got, err)
	}
	return nil
}
