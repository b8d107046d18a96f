package programs

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func TestRunner_survives_the_end_of_a_process(t *testing.T) {
	for name, row := range map[string]struct{ value, says string }{
		"with a status":             {"exit 3", "ended: exit status 3; its last lines on stderr: first line | it is all over"},
		"without a word":            {"exit 0", "ended: exit status 0"},
		"in the middle of a line":   {"partial", "ended: exit status 0"},
		"of its output and input":   {"close-both", "closed its output"},
		"after something else died": {"kill", "signal: killed"},
	} {
		t.Run(name, func(t *testing.T) {
			r := runner(t, helper("worker"))
			answers(t, r, "hello", `"hello"`)
			var err error
			if row.value == "kill" {
				err = killed(t, r)
			} else {
				_, err = ask(t, r, row.value)
			}
			fails(t, err, events.ReasonPanic, true, row.says)
			answers(t, r, "hello", `"hello"`)
		})
	}

	t.Run("after its answer", func(t *testing.T) {
		r := runner(t, helper("worker"))
		for range 3 {
			answers(t, r, "last", `"bye"`)
			require.Eventually(t, func() bool { return only(r) == nil }, time.Minute, time.Millisecond)
		}
	})
	t.Run("with an input that nobody reads", func(t *testing.T) {
		r := runner(t, helper("worker"))
		answers(t, r, "hello", `"hello"`)
		body := strings.Repeat("x", 1<<20)
		_, err := r.Run(t.Context(), "p", Call{
			Value: text("x"), Body: func() (io.ReadCloser, error) {
				p := only(r)
				require.NoError(t, syscall.Kill(p.cmd.Process.Pid, syscall.SIGKILL))
				return io.NopCloser(strings.NewReader(body)), nil
			},
		})
		fails(t, err, events.ReasonPanic, true, "signal: killed")
	})
	t.Run("of its input alone, which is noticed with the next item", func(t *testing.T) {
		r := runner(t, helper("worker"))
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := r.Run(ctx, "p", Call{Value: text("close-stdin")})
		fails(t, err, events.ReasonTimeout, false, "deadline")
		answers(t, r, "hello", `"hello"`)
	})
}

// timed is a context whose time is over when a channel is closed, however long the machine takes for what comes before.
type timed struct {
	context.Context //nolint:containedctx // it is one
	over            <-chan struct{}
}

func (c timed) Done() <-chan struct{} { return c.over }

func (c timed) Err() error {
	select {
	case <-c.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// killed has the process of an item killed from outside.
func killed(t *testing.T, r *Runner) error {
	t.Helper()
	path, open, released := fifo(t)
	ended := make(chan error, 1)
	go func() { _, err := r.Run(t.Context(), "p", Call{Value: text("hold " + path)}); ended <- err }()
	await(t, open, "the item is begun")
	require.NoError(t, syscall.Kill(only(r).cmd.Process.Pid, syscall.SIGKILL))
	err := <-ended
	await(t, released, "what it has started is killed, too")
	return err
}

func TestRunner_ends_a_process_with_its_children(t *testing.T) {
	t.Run("at the time limit", func(t *testing.T) {
		path, open, released := fifo(t)
		r := runner(t, helper("stubborn"))
		over := make(chan struct{})
		ended := make(chan error, 1)
		go func() {
			_, err := r.Run(timed{t.Context(), over}, "p", Call{Value: text("hold " + path)})
			ended <- err
		}()
		await(t, open, "the child of the child runs")
		close(over)
		fails(t, <-ended, events.ReasonTimeout, false, "deadline")
		await(t, released, "the child of the child is killed")
		answers(t, r, "hello", `"hello"`)
	})
	t.Run("when the batch is cancelled or the worker stops", func(t *testing.T) {
		path, open, released := fifo(t)
		r := runner(t, helper("worker"))
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 1)
		go func() { _, err := r.Run(ctx, "p", Call{Value: text("hold " + path)}); ended <- err }()
		await(t, open, "the child of the child runs")
		why := errors.New("cancelled by somebody")
		cancel(why)
		err := <-ended
		require.ErrorIs(t, err, why)
		_, verdict := errors.AsType[*ops.Failure](err)
		require.False(t, verdict, "the stage decides")
		await(t, released, "the child of the child is killed")
	})
	t.Run("that has ended by itself and left one behind", func(t *testing.T) {
		path, open, released := fifo(t)
		r := runner(t, helper("worker"))
		got, err := ask(t, r, "hold-and-exit "+path)
		require.NoError(t, err)
		require.Equal(t, `"held"`, got)
		if within(open, 100*time.Millisecond) {
			await(t, released, "the child of the child is killed")
		} else { // it was killed before it came so far
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			require.NoError(t, err)
			require.NoError(t, f.Close())
			await(t, released, "nobody has it open")
		}
		answers(t, r, "hello", `"hello"`)
	})
	t.Run("when it ignores its end at shutdown", func(t *testing.T) {
		r := runner(t, helper("stubborn"))
		answers(t, r, "hello", `"hello"`)
		p := only(r)
		require.NoError(t, r.Close())
		require.Equal(t, "signal: killed", p.cmd.ProcessState.String())
	})
	t.Run("that listens to the end of its input, without force", func(t *testing.T) {
		r := runner(t, helper("worker"))
		answers(t, r, "hello", `"hello"`)
		p := only(r)
		require.NoError(t, r.Close())
		require.Equal(t, "exit status 0", p.cmd.ProcessState.String())
	})
}

func TestProcesses_do_not_outlive_us(t *testing.T) {
	path, open, released := fifo(t)
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe, path)
	cmd.Env = append(os.Environ(), modeVariable+"=host")
	require.NoError(t, cmd.Start())
	await(t, open, "the program runs")
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	await(t, released, "the program is killed")
}
