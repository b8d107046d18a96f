package programs

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
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
