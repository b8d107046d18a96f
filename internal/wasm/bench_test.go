package wasm_test

import (
	"bytes"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/wasm"
	"github.com/fetchmill/fetchmill/internal/wasm/wasmtest"
)

// collatz is a program that computes, and nothing else: the most steps that a number below n takes to 1, halved if it is even, else
// tripled and one added.
const collatz = `package main

import (
	"fmt"
	"os"
)

func main() {
	var n uint64
	if _, err := fmt.Scan(&n); err != nil {
		panic(err)
	}
	most := 0
	for i := uint64(1); i < n; i++ {
		steps := 0
		for m := i; m != 1; steps++ {
			if m%2 == 0 {
				m /= 2
			} else {
				m = 3*m + 1
			}
		}
		most = max(most, steps)
	}
	fmt.Fprint(os.Stdout, most)
}
`

// collatzNative is the same here.
func collatzNative(input []byte) (string, error) {
	var n uint64
	if _, err := fmt.Fscan(bytes.NewReader(input), &n); err != nil {
		return "", err
	}
	most := 0
	for i := uint64(1); i < n; i++ {
		steps := 0
		for m := i; m != 1; steps++ {
			if m%2 == 0 {
				m /= 2
			} else {
				m = 3*m + 1
			}
		}
		most = max(most, steps)
	}
	return fmt.Sprint(most), nil
}

// BenchmarkRun compares one run of a program in a fresh instance with the same function of Go. cpu-µs/op is what all threads together took,
// which a busy machine changes less than the time.
func BenchmarkRun(b *testing.B) {
	e := newEngine(b, wasm.Config{})
	compute, empty := wasmtest.Go(b, collatz), wasmtest.Go(b, "package main\n\nfunc main() {}\n")
	for _, n := range []int{2, 100_000, 1_000_000} {
		input := fmt.Append(nil, n)
		want, err := collatzNative(input)
		require.NoError(b, err)
		b.Run(fmt.Sprintf("collatz %d/native", n), func(b *testing.B) {
			measure(b, func() {
				_, err := collatzNative(input)
				require.NoError(b, err)
			})
		})
		b.Run(fmt.Sprintf("collatz %d/module", n), func(b *testing.B) { runs(b, e, compute, input, want) })
	}
	b.Run("nothing, in Go", func(b *testing.B) { runs(b, e, empty, nil, "") })
	b.Run("echo of 100 bytes, by hand", func(b *testing.B) {
		input := bytes.Repeat([]byte("e"), 100)
		runs(b, e, wasmtest.Echo(), input, string(input))
	})
}

func runs(b *testing.B, e *wasm.Engine, program, input []byte, want string) {
	b.Helper()
	hash, peak := wasm.Hash(program), int64(0)
	load := (&loading{data: program}).load
	require.NoError(b, e.Check(b.Context(), program))
	measure(b, func() {
		r, err := e.Run(b.Context(), hash, load, nil, callBytes(input))
		if err != nil || string(r.Stdout) != want {
			b.Fatalf("%v: %s %s", err, r.Stdout, r.Stderr)
		}
		peak = r.Peak
	})
	b.ReportMetric(float64(peak)/(1<<20), "MiB/instance")
}

// measure runs f again and again.
func measure(b *testing.B, f func()) {
	b.Helper()
	before := processorTime(b)
	n := 0
	for b.Loop() {
		f()
		n++
	}
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(n), "cpu-µs/op")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func callBytes(input []byte) wasm.Call {
	return wasm.Call{Args: []string{"program"}, Stdin: bytes.NewReader(input), MemoryBytes: wasm.DefaultMemoryBytes, StdoutBytes: 1 << 20, StderrBytes: 1000}
}

// BenchmarkCompile compiles a program of Go, for the first time and when its code is in the folder already.
func BenchmarkCompile(b *testing.B) {
	program := wasmtest.Go(b, collatz)
	for _, name := range []string{"first", "again"} {
		dir := b.TempDir()
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if name == "first" {
					dir = b.TempDir()
				}
				e := wasm.NewEngine(wasm.Config{Dir: dir, Compiler: compiler})
				require.NoError(b, e.Check(b.Context(), program))
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				b.ReportMetric(float64(m.HeapInuse)/(1<<20), "heap-MiB")
				require.NoError(b, e.Close())
			}
		})
	}
}
