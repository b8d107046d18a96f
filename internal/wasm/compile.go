package wasm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
)

// Exit statuses of a process that compiles, as Compile returns them.
const (
	compiledOK      = 0
	compileFailed   = 1
	compileCrashed  = 2  // what Go ends with after a panic
	compileRefused  = 10 // the compiler says that the module is wrong
	compileTooLong  = 11
	compileTooLarge = 12
)

// Names in the environment of a process that compiles.
const (
	envTime   = "FETCHMILL_COMPILE_TIME"
	envMemory = "FETCHMILL_COMPILE_MEMORY"
)

// compileElsewhere has a module compiled by another process, which leaves the code in the folder for it. Compiling cannot be
// interrupted, and takes time and memory that are not linear in the size of the module: 20 KB can take minutes. A process can be ended.
func (e *Engine) compileElsewhere(ctx context.Context, binary []byte) error {
	cmd := e.cfg.Compiler(ctx, e.dir)
	var said head
	said.most = 2000
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(binary), nil, &said
	// It has nothing of this process's environment. The last one makes it collect garbage in time.
	cmd.Env = []string{
		envTime + "=" + e.cfg.CompileTime.String(), fmt.Sprintf("%s=%d", envMemory, e.cfg.CompileMemory),
		fmt.Sprintf("GOMEMLIMIT=%d", e.cfg.CompileMemory-e.cfg.CompileMemory/8),
	}
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	status, ended := 0, false
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		status, ended = exit.ExitCode(), true
	}
	switch {
	case err == nil:
		return nil
	case e.ctx.Err() != nil:
		return ErrClosed
	case status == compileTooLong || ctx.Err() != nil:
		return fmt.Errorf("%w: it took more than %s; make its largest functions smaller", ErrTooCostly, e.cfg.CompileTime)
	case status == compileTooLarge:
		return fmt.Errorf("%w: it took more than %d MiB of memory; make its largest functions smaller", ErrTooCostly, e.cfg.CompileMemory>>20)
	case status == compileRefused:
		return fault("%s", strings.TrimSpace(said.String()))
	case status == compileCrashed:
		return fault("its compiler crashed: %s", clip(said.String(), 300))
	case ended && status == -1: // a signal: the system has ended what took its memory
		return fmt.Errorf("%w: its compiler was ended by the system: %w", ErrTooCostly, err)
	}
	return fmt.Errorf("compile a module: %w: %s", err, strings.TrimSpace(said.String()))
}

// Compile is what the process does that Config.Compiler starts: it compiles the module on in, leaves the code in dir, and returns the
// status to end with. When the compilation costs more than the environment allows it returns at once, and the end of the process is
// what ends the compilation.
func Compile(ctx context.Context, in io.Reader, stderr io.Writer, dir string) int {
	limit, memory, err := allowance()
	if err != nil {
		_, _ = fmt.Fprintln(stderr, err)
		return compileFailed
	}
	ended := make(chan error, 1)
	go func() { ended <- compile(ctx, in, dir) }()
	late := time.NewTimer(limit)
	defer late.Stop()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			return statusOf(err, stderr)
		case <-late.C:
			return compileTooLong
		case <-look.C:
			if inUse() > memory {
				return compileTooLarge
			}
		}
	}
}

func compile(ctx context.Context, in io.Reader, dir string) error {
	binary, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	code, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return err
	}
	rt, _, err := newRuntime(ctx, code, binary, runtime.GOMAXPROCS(0))
	if err != nil {
		return err
	}
	return errors.Join(rt.Close(ctx), code.Close(ctx))
}

func statusOf(err error, stderr io.Writer) int {
	switch {
	case err == nil:
		return compiledOK
	case errors.Is(err, ErrModule):
		_, _ = fmt.Fprintln(stderr, strings.TrimPrefix(err.Error(), ErrModule.Error()+": "))
		return compileRefused
	default:
		_, _ = fmt.Fprintln(stderr, err)
		return compileFailed
	}
}

// allowance reads what the compilation may cost.
func allowance() (time.Duration, uint64, error) {
	limit, err := time.ParseDuration(os.Getenv(envTime))
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", envTime, err)
	}
	var memory uint64
	if _, err := fmt.Sscan(os.Getenv(envMemory), &memory); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", envMemory, err)
	}
	return limit, memory, nil
}

// inUse is how many bytes of memory the process has from the system.
func inUse() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64() - sample[1].Value.Uint64()
}
