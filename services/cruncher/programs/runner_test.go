package programs

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func background() context.Context { return context.Background() }

func text(s string) json.RawMessage { return ops.JSON(s) }

// noRaceSleep keeps the race detector from sleeping for a second when a program ends.
const noRaceSleep = "GORACE=atexit_sleep_ms=0"

// helper is the test binary itself as a program.
func helper(mode string) program {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return program{
		name: "p", argv: []string{path}, dir: os.TempDir(), env: []string{modeVariable + "=" + mode, noRaceSleep}, workers: 1,
		maxOutput: 4096, maxInput: 1 << 20,
	}
}

// runner makes a Runner with one program, p. In the end none of its processes may be left, not even as a zombie.
func runner(t testing.TB, p program) *Runner {
	t.Helper()
	r := New(&Catalogue{programs: map[string]program{"p": p}}, Config{Log: slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	r.pools["p"].wait = time.Minute
	t.Cleanup(func() {
		require.NoError(t, r.Close())
		require.Nil(t, only(r), "a process is left")
		zombie, _ := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		require.LessOrEqual(t, zombie, 0, "a process was not waited for")
	})
	return r
}

type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func ask(t testing.TB, r *Runner, value string) (string, error) {
	t.Helper()
	out, err := r.Run(t.Context(), "p", Call{Item: "i", Value: text(value)})
	return string(out.Value), err
}

func answers(t testing.TB, r *Runner, value, want string) {
	t.Helper()
	got, err := ask(t, r, value)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// fails requires a verdict.
func fails(t testing.TB, err error, reason events.Reason, temporary bool, says string) {
	t.Helper()
	require.ErrorContains(t, err, says)
	f, ok := errors.AsType[*ops.Failure](err)
	require.True(t, ok, "no verdict in %v", err)
	require.Equal(t, []any{reason, temporary, false}, []any{f.Reason, f.Temporary, f.Deferred}, err)
	require.LessOrEqual(t, len(err.Error()), 1200)
}

// fifo makes a named pipe. The channel is closed when somebody had it open for writing, and nobody has any more.
func fifo(t testing.TB) (path string, open, released <-chan struct{}) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	opened, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		f, err := os.Open(path)
		if err != nil {
			return
		}
		defer f.Close()
		close(opened)
		_, _ = f.Read(make([]byte, 1))
	}()
	return path, opened, done
}

func await(t testing.TB, c <-chan struct{}, what string) {
	t.Helper()
	require.True(t, within(c, time.Minute), what)
}

func TestRunner_hands_over_and_takes_back(t *testing.T) {
	r := runner(t, helper("worker"))

	t.Run("a value", func(t *testing.T) { answers(t, r, "hello", `"hello"`) })
	t.Run("a body of any bytes", func(t *testing.T) {
		body := []byte(strings.Repeat("\x00\xff{\n", 100_000))
		out, err := r.Run(t.Context(), "p", Call{
			Value: text("big 10"), Size: int64(len(body)),
			Body: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(body))), nil },
		})
		require.NoError(t, err)
		require.Equal(t, `"xxxxxxxxxx"`, string(out.Value))
		small := []byte("\x00\xff{\n")
		out, err = r.Run(t.Context(), "p", Call{Body: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(small))), nil }})
		require.NoError(t, err)
		require.Equal(t, small, out.Body)
	})
	t.Run("one line with the id first, white space of the value taken out", func(t *testing.T) {
		r := runner(t, helper("worker"))
		out, err := r.Run(t.Context(), "p", Call{Item: "a.b", Args: json.RawMessage("{\n \"n\": 1 }"), Value: text("line")})
		require.NoError(t, err)
		var line string
		require.NoError(t, json.Unmarshal(out.Value, &line))
		require.Equal(t, `{"id":1,"item":"a.b","args":{"n":1},"value":"line"}`, line)
	})
	t.Run("an answer in pieces", func(t *testing.T) { answers(t, r, "pieces", `"whole"`) })
	t.Run("an error of the program's own", func(t *testing.T) {
		_, err := ask(t, r, `raw {"id":ID,"error":"no such thing"}`)
		fails(t, err, events.ReasonComputation, false, "program p: no such thing")
		_, err = ask(t, r, `raw {"id":ID,"error":"gone","reason":"not_found","retry":true}`)
		fails(t, err, events.ReasonNotFound, true, "gone")
	})
	t.Run("a traceback, as the value of the failed item", func(t *testing.T) {
		value, err := ask(t, r, `raw {"id":ID,"error":"bad","traceback":"line 1\nline 2"}`)
		fails(t, err, events.ReasonComputation, false, "bad")
		require.JSONEq(t, `{"traceback":"line 1\nline 2"}`, value)
		value, err = ask(t, r, `raw {"id":ID,"error":"bad","traceback":"x","value":7}`)
		fails(t, err, events.ReasonComputation, false, "bad")
		require.Equal(t, "7", value)
	})
	t.Run("nothing, which keeps the value", func(t *testing.T) { answers(t, r, `raw {"id":ID}`, "") })
	t.Run("always the same process", func(t *testing.T) {
		first, err := ask(t, r, "pid")
		require.NoError(t, err)
		answers(t, r, "pid", first)
	})
	t.Run("a clean environment", func(t *testing.T) {
		answers(t, r, "environment", `["`+modeVariable+`=worker","`+noRaceSleep+`"]`)
	})
	t.Run("in its folder", func(t *testing.T) {
		p := helper("worker")
		p.dir = t.TempDir()
		answers(t, runner(t, p), "folder", string(text(p.dir)))
	})
}

func TestRunner_refuses_programs_that_are_not_listed(t *testing.T) {
	_, err := runner(t, helper("worker")).Run(t.Context(), "rm", Call{})
	fails(t, err, events.ReasonInvalidParameter, false, "there are p")
	var none *Runner
	_, err = none.Run(t.Context(), "p", Call{})
	fails(t, err, events.ReasonForbiddenTarget, false, "--programs FILE")
	_, err = none.Run(t.Context(), "", Call{})
	fails(t, err, events.ReasonMissingParameter, false, "program")
	require.NoError(t, none.Close())
}

func TestRunner_replaces_a_process_that_prints_garbage(t *testing.T) {
	for name, row := range map[string]struct {
		value, says string
		reason      events.Reason
	}{
		"text":                     {"raw hello world", `printed garbage: "hello world"`, events.ReasonComputation},
		"an empty line":            {"raw ", "printed garbage", events.ReasonComputation},
		"an id of somebody else":   {`raw {"id":999,"value":1}`, "it has the id 999", events.ReasonComputation},
		"no id":                    {`raw {"value":1}`, "it has no id", events.ReasonComputation},
		"a field that is none":     {`raw {"id":ID,"vlaue":1}`, `unknown field "vlaue"`, events.ReasonComputation},
		"two objects":              {`raw {"id":ID} {"id":ID}`, "more after", events.ReasonComputation},
		"a number that is none":    {`raw {"id":ID,"value":NaN}`, "NaN", events.ReasonComputation},
		"a body that is no base64": {`raw {"id":ID,"body":"ä"}`, "base64", events.ReasonComputation},
		"a reason that is none":    {`raw {"id":ID,"error":"x","reason":"worker_lost"}`, "worker_lost", events.ReasonComputation},
		"a retry without error":    {`raw {"id":ID,"retry":true}`, "need an error", events.ReasonComputation},
		"half a line":              {"partial-sleep", "", ""}, // only its time ends it
		"1 GB without line end":    {"flood", "more than 4096 bytes", events.ReasonTooLarge},
		"a line that is too long":  {"big 4096", "max_output", events.ReasonTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			r := runner(t, helper("worker"))
			before, err := ask(t, r, "pid")
			require.NoError(t, err)
			if row.reason == "" {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				_, err := r.Run(ctx, "p", Call{Value: text(row.value)})
				fails(t, err, events.ReasonTimeout, false, "deadline")
			} else {
				_, err := ask(t, r, row.value)
				fails(t, err, row.reason, false, row.says)
			}
			after, err := ask(t, r, "pid")
			require.NoError(t, err)
			require.NotEqual(t, before, after)
		})
	}

	t.Run("as long a line as is allowed is none", func(t *testing.T) {
		value, err := ask(t, runner(t, helper("worker")), "big 4076") // with {"id":1,"value":""}
		require.NoError(t, err)
		require.Len(t, value, 4078)
	})
	t.Run("nested too deeply", func(t *testing.T) {
		_, err := ask(t, runner(t, helper("worker")), `raw {"id":ID,"value":`+strings.Repeat("[", 501)+strings.Repeat("]", 501)+`}`)
		fails(t, err, events.ReasonComputation, false, "levels deep")
	})
	t.Run("a second answer is not the next item's", func(t *testing.T) {
		r := runner(t, helper("worker"))
		answers(t, r, "twice", "1")
		value, err := ask(t, r, "pid") // seen before it is asked, or as a wrong answer that it is not blamed for
		if err != nil {
			fails(t, err, events.ReasonComputation, true, "printed garbage")
		} else {
			require.NotEqual(t, "1", value)
		}
		answers(t, r, "hello", `"hello"`)
	})
}

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

// only is the one process of a Runner.
func only(r *Runner) *process {
	l := r.pools["p"]
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.all {
		return p
	}
	return nil
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
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		ended := make(chan error, 1)
		go func() {
			ctx, stop := context.WithTimeout(ctx, time.Second)
			defer stop()
			_, err := r.Run(ctx, "p", Call{Value: text("hold " + path)})
			ended <- err
		}()
		await(t, open, "the child of the child runs")
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

func TestRunner_is_patient_with_starts(t *testing.T) {
	t.Run("a command that cannot be run", func(t *testing.T) {
		p := helper("worker")
		p.argv = []string{filepath.Join(t.TempDir(), "gone")}
		_, err := ask(t, runner(t, p), "hello")
		fails(t, err, events.ReasonComputation, true, "program p does not start")
	})
	t.Run("a program that dies at once is not started over and over", func(t *testing.T) {
		r := runner(t, helper("die"))
		l := r.pools["p"]
		var rests []time.Duration
		for range 3 {
			l.mu.Lock()
			l.until = time.Time{} // the pause is over
			l.mu.Unlock()
			_, err := ask(t, r, "hello")
			f := ops.AsFailure(err)
			require.True(t, f.Temporary, err)
			require.Contains(t, []events.Reason{events.ReasonPanic, events.ReasonComputation}, f.Reason)
			require.Contains(t, err.Error(), "exit status 3")
			l.mu.Lock()
			rests = append(rests, time.Until(l.until))
			l.mu.Unlock()
		}
		require.Greater(t, rests[1], rests[0])
		require.Greater(t, rests[2], rests[1])
		l.mu.Lock()
		l.until = time.Now().Add(time.Minute)
		l.mu.Unlock()
		require.Eventually(t, func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.live == 0 }, time.Minute, time.Millisecond)
		_, err := ask(t, r, "hello")
		fails(t, err, events.ReasonComputation, true, "does not start")
		require.Greater(t, ops.AsFailure(err).After, 50*time.Second)
	})
	t.Run("a banner before the first item is garbage", func(t *testing.T) {
		_, err := ask(t, runner(t, helper("banner")), "hello")
		require.ErrorContains(t, err, "welcome")
		require.Equal(t, events.ReasonComputation, ops.AsFailure(err).Reason)
	})
	t.Run("a program that has to say when it is ready", func(t *testing.T) {
		p := helper("ready")
		p.startTimeout = time.Minute
		answers(t, runner(t, p), "hello", `"hello"`)
		p = helper("banner")
		p.startTimeout = time.Minute
		_, err := ask(t, runner(t, p), "hello")
		fails(t, err, events.ReasonComputation, true, `it printed "welcome"`)
		p = helper("die")
		p.startTimeout = time.Minute
		_, err = ask(t, runner(t, p), "hello")
		fails(t, err, events.ReasonComputation, true, "no licence")
		p = helper("mute")
		p.startTimeout = 50 * time.Millisecond
		_, err = ask(t, runner(t, p), "hello")
		fails(t, err, events.ReasonComputation, true, "start_timeout")
	})
	t.Run("closing does not wait for a start", func(t *testing.T) {
		p := helper("mute")
		p.startTimeout = time.Hour
		r := runner(t, p)
		ended := make(chan error, 1)
		go func() { _, err := r.Run(t.Context(), "p", Call{}); ended <- err }()
		require.Eventually(t, func() bool { return only(r) != nil }, time.Minute, time.Millisecond)
		require.NoError(t, r.Close())
		require.True(t, ops.AsFailure(<-ended).Temporary)
	})
}

func TestRunner_shares_processes(t *testing.T) {
	t.Run("among many items, never more than there are workers", func(t *testing.T) {
		p := helper("worker")
		p.workers = 3
		r := runner(t, p)
		var wg sync.WaitGroup
		pids := make(chan string, 100)
		for range 100 {
			wg.Go(func() {
				pid, err := ask(t, r, "pid")
				if err != nil {
					pid = err.Error()
				}
				pids <- pid
			})
		}
		wg.Wait()
		close(pids)
		seen := map[string]bool{}
		for pid := range pids {
			require.NotContains(t, pid, " ")
			seen[pid] = true
		}
		require.LessOrEqual(t, len(seen), 3)
	})
	t.Run("an item that would wait too long comes again later, and no attempt is spent", func(t *testing.T) {
		path, open, _ := fifo(t)
		r := runner(t, helper("worker"))
		answers(t, r, "hello", `"hello"`) // its process has started
		r.pools["p"].wait = 10 * time.Millisecond
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); _, _ = r.Run(ctx, "p", Call{Value: text("hold " + path)}) }()
		<-open
		_, err := ask(t, r, "hello")
		require.True(t, ops.AsFailure(err).Deferred, err)
		cancel()
		<-ended
	})
	t.Run("a process is replaced after so many items", func(t *testing.T) {
		p := helper("worker")
		p.recycleAfter = 2
		r := runner(t, p)
		var pids []string
		for range 4 {
			pid, err := ask(t, r, "pid")
			require.NoError(t, err)
			pids = append(pids, pid)
		}
		require.Equal(t, pids[0], pids[1])
		require.Equal(t, pids[2], pids[3])
		require.NotEqual(t, pids[1], pids[2])
	})
	t.Run("a process that ended while it had nothing to do is replaced", func(t *testing.T) {
		r := runner(t, helper("worker"))
		answers(t, r, "hello", `"hello"`)
		p := only(r)
		require.NoError(t, syscall.Kill(p.cmd.Process.Pid, syscall.SIGKILL))
		await(t, p.exited, "it is dead")
		require.Eventually(t, func() bool { return only(r) == nil }, time.Minute, time.Millisecond)
		answers(t, r, "hello", `"hello"`)
	})
}

func TestRunner_bounds_the_body(t *testing.T) {
	p := helper("worker")
	p.maxInput = 10
	r := runner(t, p)
	body := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(strings.Repeat("x", 11))), nil }
	_, err := r.Run(t.Context(), "p", Call{Body: body, Size: 11})
	fails(t, err, events.ReasonTooLarge, false, "max_input, 10 bytes")
	_, err = r.Run(t.Context(), "p", Call{Body: body})
	fails(t, err, events.ReasonTooLarge, false, "max_input, 10 bytes")
	_, err = r.Run(t.Context(), "p", Call{Body: func() (io.ReadCloser, error) { return nil, ops.Fail(events.ReasonNotFound, errors.New("no body")) }})
	fails(t, err, events.ReasonNotFound, false, "no body")
	_, err = r.Run(t.Context(), "p", Call{Body: func() (io.ReadCloser, error) { return io.NopCloser(broken{}), nil }})
	fails(t, err, events.ReasonStorage, true, "the disk is on fire")
	answers(t, r, "hello", `"hello"`)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the disk is on fire") }

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
