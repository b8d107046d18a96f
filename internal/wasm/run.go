package wasm

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"
)

// Call is one run of a program.
type Call struct {
	Args        []string // the first is the program's name; none may be empty
	Stdin       io.Reader
	MemoryBytes int64 // of the instance, at most; its calls take up to 150 MB more
	StdoutBytes int   // at most; writing more ends the program
	StderrBytes int   // that are kept; what is beyond is counted and dropped
}

// Result is how a program ended that ended by itself.
type Result struct {
	Stdout   []byte
	Stderr   string
	ExitCode uint32
	Peak     int64 // most bytes of memory that it had
}

// Run runs the program with this hash in a fresh instance. load is asked for its bytes if it is not compiled yet. waiting, if not nil,
// is called before that is waited for, and what it returns after it.
//
// A program that ends with an exit code has run, whatever that is. Errors wrap ErrModule, ErrTooCostly, ErrMemory, ErrOutput, ErrInput,
// ErrTrap, or are those of ctx or of load. The result tells what the program had written by then.
func (e *Engine) Run(ctx context.Context, hash string, load Load, waiting func() (done func()), call Call) (Result, error) {
	m, err := e.wait(ctx, hash, load, waiting)
	if err != nil {
		return Result{}, err
	}
	result, err := e.run(ctx, m, call)
	return result, errors.Join(err, e.kept.release(m))
}

func (e *Engine) wait(ctx context.Context, hash string, load Load, waiting func() func()) (*entry, error) {
	if waiting != nil && !e.kept.ready(hash) {
		defer waiting()()
	}
	return e.open(ctx, hash, load)
}

// run runs a program to its end, or until ctx, its memory or its output ends it.
func (e *Engine) run(ctx context.Context, m *entry, call Call) (Result, error) {
	limit := min(call.MemoryBytes, MaxMemoryBytes)
	if m.module.memory > limit {
		return Result{}, fmt.Errorf("%w: it begins with %d MiB and may have %d", ErrMemory, m.module.memory>>20, limit>>20)
	}
	inside, stop := context.WithCancel(ctx)
	defer stop()
	var (
		memory = linear{most: uint64(limit), spares: e.spares}
		stdin  = source{from: call.Stdin, broken: stop}
		stdout = output{most: call.StdoutBytes, full: stop}
		stderr = head{most: call.StderrBytes}
	)
	defer memory.release()
	if stdin.from == nil {
		stdin.from = bytes.NewReader(nil)
	}
	config := wazero.NewModuleConfig().WithName("").WithArgs(call.Args...).
		WithStdin(&stdin).WithStdout(&stdout).WithStderr(&stderr).
		WithSysWalltime().WithSysNanotime().WithNanosleep(sleep(inside)).WithRandSource(rand.Reader)
	allocate := experimental.MemoryAllocatorFunc(func(_, _ uint64) experimental.LinearMemory { return &memory })
	instance, err := m.runtime.InstantiateModule(experimental.WithMemoryAllocator(inside, allocate), m.compiled, config)
	if instance != nil {
		err = errors.Join(err, instance.Close(context.WithoutCancel(ctx)))
	}
	result := Result{Stdout: stdout.kept.Bytes(), Stderr: stderr.String(), Peak: int64(len(memory.bytes))}
	exit, exited := errors.AsType[*sys.ExitError](err)
	switch {
	case stdin.err != nil:
		return result, fmt.Errorf("%w: %w", ErrInput, stdin.err)
	case stdout.over:
		return result, fmt.Errorf("%w: more than %d bytes", ErrOutput, call.StdoutBytes)
	case err == nil:
		return result, nil
	case ctx.Err() != nil:
		return result, context.Cause(ctx)
	case memory.refused:
		return result, fmt.Errorf("%w: it asked for more than %d MiB and then ended with: %s", ErrMemory, limit>>20, ending(err, result))
	case exited:
		result.ExitCode = exit.ExitCode()
		return result, nil
	}
	return result, fmt.Errorf("%w: %s", ErrTrap, clip(err.Error(), 1000))
}

// ending is how a program ended, for people.
func ending(err error, r Result) string {
	if r.Stderr != "" {
		return clip(r.Stderr, 200)
	}
	return clip(err.Error(), 200)
}

// sleep lets programs sleep until they have to end.
func sleep(ctx context.Context) sys.Nanosleep {
	return func(ns int64) {
		t := time.NewTimer(time.Duration(ns))
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
}
