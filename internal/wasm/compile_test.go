package wasm_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/wasm"
	"github.com/fetchmill/fetchmill/internal/wasm/wasmtest"
)

// tangled is a module of some kilobytes that takes very long to compile: so many loops within each other, and so many variables that are
// read in the innermost one.
func tangled(n int) []byte {
	body := bytes.Repeat([]byte{0x03, 0x40}, n)
	for i := range n {
		body = slices.Concat(body, []byte{0x20}, wasmtest.Number(i), []byte{0x1a})
	}
	return wasmtest.Spec{Locals: wasmtest.Locals(n, wasmtest.I32), Body: append(body, bytes.Repeat([]byte{0x0b}, n)...)}.Bytes()
}

// files counts the files in a folder and below.
func files(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	require.NoError(t, filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	}))
	return n
}

func TestEngine_compiles_in_a_process_of_its_own(t *testing.T) {
	dir := t.TempDir()
	starts := 0
	count := func(ctx context.Context, dir string) *exec.Cmd { starts++; return compiler(ctx, dir) }
	for range 2 {
		e := newEngine(t, wasm.Config{Dir: dir, Compiler: count})
		for range 2 {
			r, err := run(t.Context(), e, wasmtest.Echo(), call("compiled elsewhere"))
			require.NoError(t, err)
			require.Equal(t, "compiled elsewhere", string(r.Stdout))
		}
		require.NoError(t, e.Close())
	}
	require.Equal(t, 2, starts, "once for each engine")
	require.Equal(t, 1, files(t, dir), "the code is kept for the next engine")
}

func TestEngine_bounds_what_compiling_costs(t *testing.T) {
	t.Run("time", func(t *testing.T) {
		e := newEngine(t, wasm.Config{Compiler: compiler, CompileTime: 300 * time.Millisecond})
		for range 2 {
			_, err := run(t.Context(), e, tangled(4000), call(""))
			require.ErrorIs(t, err, wasm.ErrTooCostly)
			require.ErrorContains(t, err, "more than 300ms")
		}
	})
	t.Run("memory", func(t *testing.T) {
		e := newEngine(t, wasm.Config{Compiler: compiler, CompileMemory: 64 << 20})
		_, err := run(t.Context(), e, tangled(1500), call(""))
		require.ErrorIs(t, err, wasm.ErrTooCostly)
		require.ErrorContains(t, err, "more than 64 MiB")
	})
}

func TestEngine_tells_what_the_compiler_says(t *testing.T) {
	e := newEngine(t, wasm.Config{Compiler: compiler})
	_, err := run(t.Context(), e, body([]byte{0x6a}), call(""))
	require.ErrorIs(t, err, wasm.ErrModule)
	require.ErrorContains(t, err, "no module that can be run: invalid function")
}

func TestEngine_tells_when_its_compiler_does_not_work(t *testing.T) {
	for name, c := range map[string]struct {
		compiler func(ctx context.Context, dir string) *exec.Cmd
		want     error
		says     string
	}{
		"is missing": {func(ctx context.Context, dir string) *exec.Cmd { return exec.CommandContext(ctx, "/not/there", dir) }, nil, "compile a module"},
		"crashes": {func(ctx context.Context, _ string) *exec.Cmd {
			return exec.CommandContext(ctx, "/bin/sh", "-c", "echo panic: oh dear >&2; exit 2")
		}, wasm.ErrModule, "its compiler crashed: panic: oh dear"},
		"is killed": {func(ctx context.Context, _ string) *exec.Cmd {
			return exec.CommandContext(ctx, "/bin/sh", "-c", "kill -9 $$")
		}, wasm.ErrTooCostly, "ended by the system"},
		"says what is wrong": {func(ctx context.Context, _ string) *exec.Cmd {
			return exec.CommandContext(ctx, "/bin/sh", "-c", "echo the disk is full >&2; exit 1")
		}, nil, "the disk is full"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t, wasm.Config{Compiler: c.compiler})
			_, err := run(t.Context(), e, wasmtest.Echo(), call(""))
			require.Error(t, err)
			require.ErrorContains(t, err, c.says)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			} else {
				require.False(t, wasm.IsModule(err), "it is not the module's fault")
			}
		})
	}
}

func TestEngine_tells_when_there_is_no_place_for_code(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	e := newEngine(t, wasm.Config{Dir: file})
	_, err := run(t.Context(), e, wasmtest.Echo(), call(""))
	require.ErrorContains(t, err, "name another with --wasm-cache DIR")
	require.False(t, wasm.IsModule(err))

	t.Setenv("TMPDIR", filepath.Join(file, "none"))
	e = newEngine(t, wasm.Config{})
	_, err = run(t.Context(), e, wasmtest.Echo(), call(""))
	require.ErrorContains(t, err, "name one with --wasm-cache DIR")
}

func TestEngine_stops_compiling_when_it_is_closed(t *testing.T) {
	started := make(chan struct{})
	e := wasm.NewEngine(wasm.Config{Compiler: func(ctx context.Context, dir string) *exec.Cmd {
		close(started)
		return compiler(ctx, dir)
	}})
	ended := make(chan error)
	go func() {
		_, err := run(context.Background(), e, tangled(4000), call(""))
		ended <- err
	}()
	<-started
	require.NoError(t, e.Close())
	require.ErrorIs(t, <-ended, wasm.ErrClosed)
}

func TestCompile_wants_to_know_its_bounds(t *testing.T) {
	for _, env := range [][2]string{{"", "1000000"}, {"1s", "much"}} {
		t.Setenv("FETCHMILL_COMPILE_TIME", env[0])
		t.Setenv("FETCHMILL_COMPILE_MEMORY", env[1])
		var said bytes.Buffer
		require.Equal(t, 1, wasm.Compile(t.Context(), bytes.NewReader(nil), &said, t.TempDir()))
		require.Contains(t, said.String(), "FETCHMILL_COMPILE_")
	}
}
