package wasm_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/wasm"
	"github.com/fetchmill/fetchmill/internal/wasm/wasmtest"
)

func newEngine(t testing.TB, cfg wasm.Config) *wasm.Engine {
	t.Helper()
	if cfg.CompileTime == 0 {
		cfg.CompileTime = 10 * time.Minute // the machine may be busy with other tests
	}
	e := wasm.NewEngine(cfg)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

// loading counts how often a module was asked for.
type loading struct {
	data  []byte
	times int
}

func (l *loading) load(context.Context, int64) ([]byte, error) {
	l.times++
	return l.data, nil
}

func call(input string) wasm.Call {
	return wasm.Call{Args: []string{"program"}, Stdin: strings.NewReader(input), MemoryBytes: 16 << 20, StdoutBytes: 1 << 20, StderrBytes: 1000}
}

// run runs a program on a text.
func run(ctx context.Context, e *wasm.Engine, data []byte, c wasm.Call) (wasm.Result, error) {
	return e.Run(ctx, wasm.Hash(data), (&loading{data: data}).load, nil, c)
}

func TestEngine_runs_programs(t *testing.T) {
	e := newEngine(t, wasm.Config{})
	t.Run("input and output", func(t *testing.T) {
		for _, input := range []string{"", "hello", strings.Repeat("0123456789", 100_000)} {
			r, err := run(t.Context(), e, wasmtest.Echo(), call(input))
			require.NoError(t, err)
			require.Equal(t, input, string(r.Stdout))
			require.EqualValues(t, wasm.PageBytes, r.Peak)
		}
	})
	t.Run("exit code and standard error", func(t *testing.T) {
		r, err := run(t.Context(), e, wasmtest.Print(2, "no such word\n", 3), call(""))
		require.NoError(t, err)
		require.Equal(t, wasm.Result{Stderr: "no such word\n", ExitCode: 3, Peak: wasm.PageBytes}, r)
	})
	t.Run("an exit code that looks like the end of a context is only a number", func(t *testing.T) {
		for _, code := range []int32{math.MaxInt32, -1, -0x10000001} {
			r, err := run(t.Context(), e, wasmtest.Print(1, "x", code), call(""))
			require.NoError(t, err)
			require.Equal(t, uint32(code), r.ExitCode)
		}
	})
	t.Run("standard error is cut", func(t *testing.T) {
		r, err := run(t.Context(), e, wasmtest.Print(2, strings.Repeat("e", 5000), 1), call(""))
		require.NoError(t, err)
		require.Equal(t, strings.Repeat("e", 1000)+"… (4000 bytes more)", r.Stderr)
	})
	t.Run("a start function of the module that exits", func(t *testing.T) {
		data := wasmtest.Spec{
			Sections: map[byte][]byte{8: {4}, 3: {2, 0, 0}, 10: slices.Concat([]byte{2}, wasmtest.Function(nil, nil), wasmtest.Function(nil, wasmtest.Exit(7)))},
		}.Bytes()
		r, err := run(t.Context(), e, data, call(""))
		require.NoError(t, err)
		require.EqualValues(t, 7, r.ExitCode)
	})
	t.Run("each run has a memory of its own", func(t *testing.T) {
		// It adds one to a number in its memory and exits with it.
		add := slices.Concat(wasmtest.Const(0), wasmtest.Const(0), []byte{0x28, 2, 0}, wasmtest.Const(1), []byte{0x6a, 0x36, 2, 0})
		data := wasmtest.Spec{Body: slices.Concat(add, wasmtest.Const(0), []byte{0x28, 2, 0}, wasmtest.Call(wasmtest.ProcExit))}.Bytes()
		for range 3 {
			r, err := run(t.Context(), e, data, call(""))
			require.NoError(t, err)
			require.EqualValues(t, 1, r.ExitCode)
		}
	})
}

func TestEngine_gives_each_run_clean_memory(t *testing.T) {
	e := newEngine(t, wasm.Config{})
	fill := func(address, n int32) []byte {
		return slices.Concat(wasmtest.Const(address), wasmtest.Const('x'), wasmtest.Const(n), []byte{0xfc, 11, 0})
	}
	grow := slices.Concat(wasmtest.Const(3), []byte{0x40, 0, 0x1a})
	dirty := body(fill(0, 60_000), grow, fill(60_000, 3<<16))
	grown := body(grow, wasmtest.Write(1, 1024, 3<<16))
	for range 20 {
		r, err := run(t.Context(), e, dirty, call(""))
		require.NoError(t, err)
		require.EqualValues(t, 4*wasm.PageBytes, r.Peak)
		_, err = run(t.Context(), e, body(fill(0, 60_000), []byte{0}), call(""))
		require.ErrorIs(t, err, wasm.ErrTrap)
		r, err = run(t.Context(), e, grown, call(""))
		require.NoError(t, err)
		require.Equal(t, make([]byte, 3<<16), r.Stdout)
	}
}

func TestEngine_gives_Go_programs_what_they_need_and_no_more(t *testing.T) {
	e := newEngine(t, wasm.Config{})
	data := wasmtest.Go(t, `package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

func main() {
	in, _ := io.ReadAll(os.Stdin)
	start := time.Now()
	time.Sleep(20 * time.Millisecond)
	_, file := os.Open("/etc/passwd")
	_, list := os.ReadDir("/")
	_, dial := net.Dial("tcp", "127.0.0.1:80")
	fmt.Println(len(in), os.Args[1:], os.Environ())
	fmt.Println("no file:", file != nil, "no folder:", list != nil, "no network:", dial != nil)
	fmt.Println("slept:", time.Since(start) >= 20*time.Millisecond, "clock:", time.Now().Year() > 2024, "random:", len(rand.Text()) > 10)
}
`)
	c := call("four")
	c.Args = []string{"it", `{"a":1}`}
	r, err := run(t.Context(), e, data, c)
	require.NoError(t, err)
	require.Equal(t, "4 [{\"a\":1}] []\nno file: true no folder: true no network: true\nslept: true clock: true random: true\n", string(r.Stdout))
	require.Empty(t, r.Stderr)
	r, err = run(t.Context(), e, data, wasm.Call{Args: []string{"it"}, MemoryBytes: 1 << 20, StdoutBytes: 100, StderrBytes: 100})
	require.ErrorIs(t, err, wasm.ErrMemory)
	require.Empty(t, r.Stdout)
}

// body makes a program of the instructions of its _start.
func body(parts ...[]byte) []byte { return wasmtest.Spec{Body: slices.Concat(parts...)}.Bytes() }

// doubling is a program of functions that each call the next one twice.
func doubling(n int) []byte {
	var more [][]byte
	for i := range n {
		next := wasmtest.Call(wasmtest.Start + i + 2)
		more = append(more, wasmtest.Function(nil, append(next, next...)))
	}
	return wasmtest.Spec{Body: wasmtest.Call(wasmtest.Start + 1), More: append(more, wasmtest.Function(nil, nil))}.Bytes()
}

// hostile are programs that want to hurt, with the error that ends them.
func hostile() map[string]struct {
	data []byte
	want error
	says string
} {
	grow := slices.Concat(wasmtest.Const(1), []byte{0x40, 0, 0x1a})                                                     // a page
	growTable := slices.Concat([]byte{0xd0, 0x70}, wasmtest.Const(100_000), []byte{0xfc, 15, 0, 0x1a})                  // references
	until := slices.Concat(wasmtest.Const(100), []byte{0x40, 0}, wasmtest.Const(-1), []byte{0x46, 0x04, 0x40, 0, 0x0b}) // trap when refused
	// Sixteen megabytes are filled with zeros.
	fill := slices.Concat(wasmtest.Const(0), wasmtest.Const(0), wasmtest.Const(16<<20), []byte{0xfc, 11, 0})
	// A million empty texts are written.
	many := slices.Concat(wasmtest.Const(2), wasmtest.Const(0), wasmtest.Const(1_000_000), wasmtest.Const(0), wasmtest.Call(wasmtest.FdWrite), []byte{0x1a})
	random := wasmtest.Spec{
		Pages: 256, Sections: map[byte][]byte{
			1: slices.Concat([]byte{2}, []byte{0x60, 0, 0}, []byte{0x60, 2, wasmtest.I32, wasmtest.I32, 1, wasmtest.I32}),
			2: append([]byte{1}, wasmtest.Import("wasi_snapshot_preview1", "random_get", 0, 1)...),
		}, Exports: map[string][]byte{"_start": {0, 1}},
		Body: bytes.Repeat(slices.Concat(wasmtest.Const(0), wasmtest.Const(16<<20), wasmtest.Call(0), []byte{0x1a}), 2_000),
	}.Bytes()
	withStart := wasmtest.Spec{Sections: map[byte][]byte{
		8: {4}, 3: {2, 0, 0}, 10: slices.Concat([]byte{2}, wasmtest.Function(nil, nil), wasmtest.Function(nil, wasmtest.Forever())),
	}}
	type program = struct {
		data []byte
		want error
		says string
	}
	timeout := context.DeadlineExceeded
	return map[string]program{
		"an endless loop":                   {body(wasmtest.Forever()), timeout, ""},
		"an endless loop before the start":  {withStart.Bytes(), timeout, ""},
		"an endless loop of calls":          {body(wasmtest.Forever(wasmtest.Call(4)...)), wasm.ErrModule, ""},
		"an endless loop that grows memory": {body(wasmtest.Forever(grow...)), timeout, ""},
		"an endless loop that grows a table": {wasmtest.Spec{
			Body: wasmtest.Forever(growTable...), Sections: map[byte][]byte{4: {1, 0x70, 0, 0}},
		}.Bytes(), timeout, ""},
		"an endless loop of empty reads": {body(wasmtest.Forever(wasmtest.Write(1, 0, 0)...)), timeout, ""},
		"endless output":                 {body(wasmtest.Forever(wasmtest.Write(1, 0, 60_000)...)), wasm.ErrOutput, "more than 1048576 bytes"},
		"endless errors":                 {body(wasmtest.Forever(wasmtest.Write(2, 0, 60_000)...)), timeout, ""},
		"calls without a loop that would take longer than the world": {doubling(60), timeout, ""},
		"much work without a loop":                                   {wasmtest.Spec{Pages: 256, Body: bytes.Repeat(fill, 2_000)}.Bytes(), timeout, ""},
		"calls of the host without a loop":                           {wasmtest.Spec{Pages: 256, Body: bytes.Repeat(many, 2_000)}.Bytes(), timeout, ""},
		"long random numbers without a loop":                         {random, timeout, ""},
		"endless recursion":                                          {body(wasmtest.Call(wasmtest.Start)), wasm.ErrTrap, "stack overflow"},
		"all the memory, and then a trap":                            {body(wasmtest.Forever(until...)), wasm.ErrMemory, "more than 16 MiB"},
		"much memory from the start":                                 {wasmtest.Spec{Pages: 1000}.Bytes(), wasm.ErrMemory, "begins with 62 MiB"},
		"unreachable":                                                {body([]byte{0}), wasm.ErrTrap, "unreachable"},
		"a division by zero":                                         {body(wasmtest.Const(1), wasmtest.Const(0), []byte{0x6d, 0x1a}), wasm.ErrTrap, "divide by zero"},
		"a read outside its memory":                                  {body(wasmtest.Const(-4), []byte{0x28, 2, 0, 0x1a}), wasm.ErrTrap, "out of bounds"},
		"data outside its memory":                                    {wasmtest.Spec{Sections: map[byte][]byte{11: wasmtest.Data(70_000, "x")}}.Bytes(), wasm.ErrTrap, "out of bounds"},
		"elements outside its table": {wasmtest.Spec{Sections: map[byte][]byte{
			4: {1, 0x70, 0, 0}, 9: {1, 0, 0x41, 5, 0x0b, 1, 0},
		}}.Bytes(), nil, ""},
		"pointers of WASI calls outside its memory": {body(
			wasmtest.Const(1), wasmtest.Const(-8), wasmtest.Const(-1), wasmtest.Const(-1), wasmtest.Call(wasmtest.FdWrite), wasmtest.Call(wasmtest.ProcExit),
		), nil, ""},
		"instructions that do not fit": {body([]byte{0x6a}), wasm.ErrModule, "invalid function"},
		"an unknown instruction":       {body([]byte{0xff}), wasm.ErrModule, "unknown instruction 0xff"},
		"blocks without an end":        {body([]byte{0x02, 0x40}), wasm.ErrModule, ""},
		"a missing function":           {wasmtest.Spec{Sections: map[byte][]byte{3: {2, 0, 0}}}.Bytes(), wasm.ErrModule, "inconsistent"},
	}
}

func TestEngine_ends_hostile_programs_and_goes_on(t *testing.T) {
	e := newEngine(t, wasm.Config{})
	for name, c := range hostile() {
		t.Run(name, func(t *testing.T) {
			// Compiling is not what is bounded here.
			if err := e.Check(t.Context(), c.data); err != nil {
				require.ErrorIs(t, err, c.want)
			}
			patience := time.Minute
			if errors.Is(c.want, context.DeadlineExceeded) {
				patience = 300 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := run(ctx, e, c.data, call("input"))
			require.ErrorIs(t, err, c.want)
			if c.want != nil {
				require.ErrorContains(t, err, c.says)
			}
			r, err := run(t.Context(), e, wasmtest.Echo(), call("still there"))
			require.NoError(t, err)
			require.Equal(t, "still there", string(r.Stdout))
		})
	}
	t.Run("what refuses to be inspected is refused here", func(t *testing.T) {
		for _, c := range refused() {
			_, err := run(t.Context(), e, c.data, call(""))
			require.ErrorIs(t, err, wasm.ErrModule)
		}
	})
	t.Run("a hundred thousand functions are no harm", func(t *testing.T) {
		more := slices.Repeat([][]byte{wasmtest.Function(nil, nil)}, 100_000)
		_, err := run(t.Context(), e, wasmtest.Spec{More: more}.Bytes(), call(""))
		require.NoError(t, err)
	})
}

// notifying tells when it is read from.
type notifying struct {
	from io.Reader
	once sync.Once
	read chan struct{}
}

func (n *notifying) Read(p []byte) (int, error) {
	n.once.Do(func() { close(n.read) })
	return n.from.Read(p)
}

func TestEngine_ends_a_program_whose_context_is_cancelled(t *testing.T) {
	e := newEngine(t, wasm.Config{})
	// It reads once, and then loops.
	data := body(wasmtest.Store(0, 1024), wasmtest.Store(4, 10),
		wasmtest.Const(0), wasmtest.Const(0), wasmtest.Const(1), wasmtest.Const(8), wasmtest.Call(wasmtest.FdRead), []byte{0x1a}, wasmtest.Forever())
	require.NoError(t, e.Check(t.Context(), data))
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("no more of this")
	c := call("")
	read := make(chan struct{})
	c.Stdin = &notifying{from: c.Stdin, read: read}
	ended := make(chan error)
	go func() {
		_, err := run(ctx, e, data, c)
		ended <- err
	}()
	<-read // it runs
	cancel(reason)
	require.ErrorIs(t, <-ended, reason)
}

func TestEngine_tells_when_the_input_cannot_be_read(t *testing.T) {
	e := newEngine(t, wasm.Config{})
	broken := errors.New("the store is gone")
	c := call("")
	c.Stdin = io.MultiReader(strings.NewReader("some"), iotest.ErrReader(broken))
	_, err := run(t.Context(), e, wasmtest.Echo(), c)
	require.ErrorIs(t, err, wasm.ErrInput)
	require.ErrorIs(t, err, broken)
}

func TestEngine_compiles_once(t *testing.T) {
	e := newEngine(t, wasm.Config{})
	l := loading{data: wasmtest.Echo()}
	var waits int
	waiting := func() func() { waits++; return func() {} }
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			r, err := e.Run(t.Context(), wasm.Hash(l.data), l.load, nil, call("x"))
			if err != nil || string(r.Stdout) != "x" {
				t.Errorf("%v: %q", err, r.Stdout)
			}
		})
	}
	all.Wait()
	_, err := e.Run(t.Context(), wasm.Hash(l.data), l.load, waiting, call("x"))
	require.NoError(t, err)
	require.Equal(t, 1, l.times)
	require.Zero(t, waits, "there was nothing to wait for")
	_, err = e.Run(t.Context(), wasm.Hash(wasmtest.Print(1, "a", 0)), (&loading{data: wasmtest.Print(1, "a", 0)}).load, waiting, call(""))
	require.NoError(t, err)
	require.Equal(t, 1, waits)
}

func TestEngine_keeps_what_was_used_last(t *testing.T) {
	programs := []*loading{{data: wasmtest.Print(1, "a", 0)}, {data: wasmtest.Print(1, "b", 0)}, {data: wasmtest.Print(1, "c", 0)}}
	use := func(t *testing.T, e *wasm.Engine, l *loading) {
		t.Helper()
		r, err := e.Run(t.Context(), wasm.Hash(l.data), l.load, nil, call(""))
		require.NoError(t, err)
		require.Len(t, r.Stdout, 1)
	}
	for name, cfg := range map[string]wasm.Config{
		"by number": {KeepModules: 2},
		"by size":   {KeepBytes: int64(2 * len(programs[0].data))},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t, cfg)
			for _, l := range programs {
				l.times = 0
			}
			for _, i := range []int{0, 1, 0, 2, 0, 1} {
				use(t, e, programs[i])
			}
			require.Equal(t, []int{1, 2, 1}, []int{programs[0].times, programs[1].times, programs[2].times})
		})
	}
}

func TestEngine_remembers_faults_of_modules_and_no_others(t *testing.T) {
	e := newEngine(t, wasm.Config{ModuleBytes: 1000})
	for name, c := range map[string]struct {
		data  []byte
		want  error
		times int
	}{
		"not a module": {[]byte("#!/bin/sh"), wasm.ErrModule, 1},
		"too large":    {make([]byte, 1001), wasm.ErrModule, 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := loading{data: c.data}
			for range 3 {
				_, err := e.Run(t.Context(), wasm.Hash(c.data), l.load, nil, call(""))
				require.ErrorIs(t, err, c.want)
			}
			require.Equal(t, c.times, l.times)
		})
	}
	t.Run("other bytes than asked for", func(t *testing.T) {
		l := loading{data: wasmtest.Echo()}
		for range 2 {
			_, err := e.Run(t.Context(), wasm.Hash([]byte("another")), l.load, nil, call(""))
			require.ErrorContains(t, err, "have the hash")
		}
		require.Equal(t, 2, l.times)
	})
	t.Run("a store that does not answer", func(t *testing.T) {
		broken := errors.New("no answer")
		hash := wasm.Hash(wasmtest.Echo())
		_, err := e.Run(t.Context(), hash, func(context.Context, int64) ([]byte, error) { return nil, broken }, nil, call(""))
		require.ErrorIs(t, err, broken)
		r, err := e.Run(t.Context(), hash, (&loading{data: wasmtest.Echo()}).load, nil, call("better"))
		require.NoError(t, err)
		require.Equal(t, "better", string(r.Stdout))
	})
}

func TestEngine_goes_on_compiling_for_those_who_come_later(t *testing.T) {
	e := newEngine(t, wasm.Config{})
	data := wasmtest.Echo()
	var stored sync.WaitGroup
	stored.Add(1)
	load := func(context.Context, int64) ([]byte, error) { stored.Wait(); return data, nil }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := e.Run(ctx, wasm.Hash(data), load, nil, call(""))
	require.ErrorIs(t, err, wasm.ErrCompiling)
	require.ErrorIs(t, err, context.Canceled)
	stored.Done()
	never := func(context.Context, int64) ([]byte, error) { return nil, errors.New("asked again") }
	r, err := e.Run(t.Context(), wasm.Hash(data), never, nil, call("patience"))
	require.NoError(t, err)
	require.Equal(t, "patience", string(r.Stdout))
}

func TestEngine_takes_nothing_when_it_is_closed(t *testing.T) {
	e := wasm.NewEngine(wasm.Config{})
	require.NoError(t, e.Check(t.Context(), wasmtest.Echo()))
	require.NoError(t, e.Close())
	require.NoError(t, e.Close())
	_, err := run(t.Context(), e, wasmtest.Echo(), call(""))
	require.ErrorIs(t, err, wasm.ErrClosed)
}

func FuzzRun(f *testing.F) {
	e := wasm.NewEngine(wasm.Config{KeepModules: 4})
	f.Cleanup(func() { require.NoError(f, e.Close()) })
	for _, c := range hostile() {
		f.Add(c.data, []byte("input"))
	}
	f.Add(wasmtest.Echo(), []byte("input"))
	f.Fuzz(func(t *testing.T, data, input []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		c := call("")
		c.Stdin = bytes.NewReader(input)
		if e.Check(t.Context(), data) != nil {
			return
		}
		r, _ := run(ctx, e, data, c)
		require.LessOrEqual(t, len(r.Stdout), c.StdoutBytes)
		require.LessOrEqual(t, r.Peak, c.MemoryBytes)
	})
}
