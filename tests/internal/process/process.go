package process

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Patience is how long tests wait for what must happen, on a machine that is busy with much else.
const Patience = time.Minute

// Process is a program that runs, or has run.
type Process struct {
	tb             testing.TB
	name           string
	cmd            *exec.Cmd
	stdout, stderr output
	exited         chan struct{} // closed when the process has ended
}

// Spec says what to run.
type Spec struct {
	Path string
	Args []string
	Env  []string // beside the environment of the test
	Dir  string   // where it runs; empty is where the test runs
	In   string   // what it reads from its standard input
}

// Start starts a program. It is killed at the end of the test if it still runs then; what it wrote is shown if the test fails.
func Start(tb testing.TB, name string, spec Spec) *Process {
	tb.Helper()
	p := &Process{tb: tb, name: name, exited: make(chan struct{})}
	p.cmd = exec.Command(spec.Path, spec.Args...)
	p.cmd.Env = append(os.Environ(), spec.Env...)
	p.cmd.Dir = spec.Dir
	p.cmd.Stdin = strings.NewReader(spec.In)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	require.NoError(tb, p.cmd.Start(), name)
	go func() {
		_ = p.cmd.Wait() // ProcessState tells
		close(p.exited)
	}()
	tb.Cleanup(func() {
		p.Kill()
		if strings.Contains(p.Stderr(), "WARNING: DATA RACE") {
			tb.Errorf("%s has a data race", name)
		}
		if tb.Failed() {
			tb.Logf("%s wrote:\n%s\n%s", name, last(p.Stdout()), last(p.Stderr()))
		}
	})
	return p
}

// last is the end of a long text.
func last(s string) string {
	const most = 8000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}

// Stdout is what the process has written to its standard output so far.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stderr is what the process has written to its standard error so far.
func (p *Process) Stderr() string { return p.stderr.String() }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Status is the exit status of a process that has ended; -1 if it was killed.
func (p *Process) Status() int { return p.cmd.ProcessState.ExitCode() }

// Kill ends the process without giving it any time, and waits for its end.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.exited
}

// Signal sends a signal; a process that has ended does not mind.
func (p *Process) Signal(s os.Signal) {
	p.tb.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.tb.Errorf("signal %s: %v", p.name, err)
	}
}

// Wait waits for the end and returns the exit status.
func (p *Process) Wait() int {
	p.tb.Helper()
	select {
	case <-p.exited:
	case <-time.After(Patience):
		require.Fail(p.tb, p.name+" does not end")
	}
	return p.Status()
}

// Find waits until what the process has written to its standard error matches, and returns the first group of the expression.
func (p *Process) Find(expression string) string {
	p.tb.Helper()
	re := regexp.MustCompile(expression)
	timeout := time.After(Patience)
	for {
		changed := p.stderr.changes()
		if found := re.FindStringSubmatch(p.Stderr()); found != nil {
			return found[len(found)-1]
		}
		select {
		case <-changed:
		case <-p.exited:
			if found := re.FindStringSubmatch(p.Stderr()); found != nil {
				return found[len(found)-1]
			}
			require.Fail(p.tb, p.name+" ended and did not write "+expression)
		case <-timeout:
			require.Fail(p.tb, p.name+" does not write "+expression)
		}
	}
}

// output gathers what a process writes and tells when there is more.
type output struct {
	mu      sync.Mutex
	text    []byte
	changed chan struct{}
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, b...)
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

func (o *output) changes() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return o.changed
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }
