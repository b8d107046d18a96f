package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// Config says how an engine works. Zero values stand for the defaults.
type Config struct {
	// ModuleBytes is the size of the largest module that is taken; DefaultModuleBytes if 0.
	ModuleBytes int64
	// KeepModules and KeepBytes bound the modules that are kept compiled; KeepBytes counts them as they are before. The least recently
	// used go first. 32 and 128 MiB if 0.
	KeepModules int
	KeepBytes   int64
	// Dir keeps compiled modules from one start to the next. Nobody else may be able to write there. Empty is a temporary folder.
	Dir string
	// Compiler makes the command that compiles one module in a process of its own, by calling Compile with dir. Nil compiles in this
	// process, where it cannot be stopped and its memory is not bounded.
	Compiler func(ctx context.Context, dir string) *exec.Cmd `json:"-"`
	// LoadTime is how long getting the bytes of a module may take; half a minute if 0.
	LoadTime time.Duration
	// CompileTime and CompileMemory are what compiling one module may cost; a minute and 1 GiB if 0.
	CompileTime   time.Duration
	CompileMemory int64
	Log           *slog.Logger
}

func (c *Config) fill() {
	setDefault(&c.ModuleBytes, DefaultModuleBytes)
	setDefault(&c.KeepModules, 32)
	setDefault(&c.KeepBytes, 128<<20)
	setDefault(&c.LoadTime, 30*time.Second)
	setDefault(&c.CompileTime, time.Minute)
	setDefault(&c.CompileMemory, 1<<30)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

func setDefault[T int | int64 | time.Duration](value *T, or T) {
	if *value == 0 {
		*value = or
	}
}

// Load gets the bytes of a module that is not compiled yet, at most so many.
type Load func(ctx context.Context, most int64) ([]byte, error)

// Engine compiles modules, keeps them compiled, and runs them. It may be used from many goroutines.
type Engine struct {
	cfg     Config
	ctx     context.Context //nolint:containedctx // of the compilations, which outlive the items that wait for them
	stop    context.CancelFunc
	pending sync.WaitGroup
	slots   chan struct{} // for compilations at the same time
	kept    kept
	spares  spares

	setUp     sync.Mutex
	dir       string // where compiled modules are, empty until the first is needed
	temporary bool
	code      wazero.CompilationCache
}

// compilations is how many modules are compiled at the same time.
const compilations = 2

// NewEngine makes an engine. It takes up next to nothing until the first module comes.
func NewEngine(cfg Config) *Engine {
	cfg.fill()
	ctx, stop := context.WithCancel(context.Background())
	return &Engine{
		cfg: cfg, ctx: ctx, stop: stop, slots: make(chan struct{}, compilations), spares: make(spares, runtime.GOMAXPROCS(0)),
		kept: kept{modules: cfg.KeepModules, bytes: cfg.KeepBytes, entries: map[string]*entry{}},
	}
}

// Hash is the SHA-256 of a module in hexadecimal digits, by which it is known everywhere.
func Hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Close ends compilations and frees everything. Programs must have ended before.
func (e *Engine) Close() error {
	e.stop()
	e.pending.Wait()
	ctx := context.Background()
	errs := []error{e.kept.close()}
	e.setUp.Lock()
	defer e.setUp.Unlock()
	if e.code != nil {
		errs = append(errs, e.code.Close(ctx))
		e.code = nil
	}
	if e.temporary {
		errs = append(errs, os.RemoveAll(e.dir))
		e.temporary = false
	}
	return errors.Join(errs...)
}

// Check tells whether a module can be run, by compiling it. Errors that wrap ErrModule or ErrTooCostly are about the module.
func (e *Engine) Check(ctx context.Context, data []byte) error {
	m, err := e.open(ctx, Hash(data), func(context.Context, int64) ([]byte, error) { return data, nil })
	if err != nil {
		return err
	}
	return e.kept.release(m)
}

// open returns a module that is compiled, and compiles it if need be. What is compiled already is ready even when ctx has ended. It
// must be released.
func (e *Engine) open(ctx context.Context, hash string, load Load) (*entry, error) {
	m, fresh := e.kept.take(hash, time.Now())
	if fresh && e.begin() {
		go func() {
			defer e.pending.Done()
			e.fill(m, load)
			if err := e.kept.release(m); err != nil {
				e.cfg.Log.Warn("module not freed", "module", m.hash, "error", err)
			}
		}()
	} else if fresh {
		e.kept.failed(m, ErrClosed)
		return nil, errors.Join(ErrClosed, e.kept.release(m), e.kept.release(m))
	}
	select {
	case <-m.ready:
	case <-ctx.Done():
		if !m.isReady() {
			return nil, errors.Join(fmt.Errorf("%w: %w", ErrCompiling, context.Cause(ctx)), e.kept.release(m))
		}
	}
	if m.err != nil {
		return nil, errors.Join(m.err, e.kept.release(m))
	}
	return m, nil
}

// begin counts one more compilation, unless the engine is closed.
func (e *Engine) begin() bool {
	e.setUp.Lock()
	defer e.setUp.Unlock()
	if e.ctx.Err() != nil {
		return false
	}
	e.pending.Add(1)
	return true
}

// fill compiles a module for all who wait for it.
func (e *Engine) fill(m *entry, load Load) {
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-e.ctx.Done():
		e.kept.failed(m, ErrClosed)
		return
	}
	start := time.Now()
	rt, compiled, module, err := e.load(m.hash, load)
	switch {
	case err != nil && e.ctx.Err() != nil:
		e.kept.failed(m, ErrClosed)
		return
	case err != nil:
		e.kept.failed(m, err)
		return
	}
	e.cfg.Log.Debug("module compiled", "module", m.hash, "bytes", module.size, "elapsed", time.Since(start))
	e.kept.filled(m, rt, compiled, module)
}

// compiledModule is what a run has to know about its module.
type compiledModule struct {
	size   int64 // bytes of the binary
	memory int64 // bytes that an instance has from the start
}

func (e *Engine) load(hash string, load Load) (wazero.Runtime, wazero.CompiledModule, compiledModule, error) {
	none := compiledModule{}
	data, err := func() ([]byte, error) {
		ctx, cancel := context.WithTimeout(e.ctx, e.cfg.LoadTime)
		defer cancel()
		return load(ctx, e.cfg.ModuleBytes)
	}()
	if err != nil {
		return nil, nil, none, err
	}
	if int64(len(data)) > e.cfg.ModuleBytes {
		return nil, nil, none, fault("it has %d bytes, and at most %d are taken", len(data), e.cfg.ModuleBytes)
	}
	if got := Hash(data); got != hash {
		return nil, nil, none, fmt.Errorf("module sha256:%s: the bytes that are stored under this name have the hash %s", hash, got)
	}
	m, err := Inspect(data)
	if err != nil {
		return nil, nil, none, err
	}
	if err := e.setUpDir(); err != nil {
		return nil, nil, none, err
	}
	ctx, cancel := context.WithTimeout(e.ctx, e.cfg.CompileTime)
	defer cancel()
	if e.cfg.Compiler != nil {
		if err := e.compileElsewhere(ctx, m.Binary); err != nil {
			return nil, nil, none, err
		}
	}
	rt, compiled, err := newRuntime(ctx, e.code, m.Binary, 1)
	return rt, compiled, compiledModule{size: int64(len(data)), memory: m.MemoryBytes}, err
}

// setUpDir makes the folder for compiled modules when the first one comes.
func (e *Engine) setUpDir() error {
	e.setUp.Lock()
	defer e.setUp.Unlock()
	if e.code != nil {
		return nil
	}
	dir, temporary := e.cfg.Dir, false
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "fetchmill-wasm-"); err != nil {
			return fmt.Errorf("folder for compiled modules: %w; name one with --wasm-cache DIR", err)
		}
		temporary = true
	}
	code, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return fmt.Errorf("folder for compiled modules: %w; name another with --wasm-cache DIR", err)
	}
	e.dir, e.temporary, e.code = dir, temporary, code
	return nil
}

// runtimeConfig is the same wherever a module is compiled, because the compiled code depends on it.
func runtimeConfig(code wazero.CompilationCache) wazero.RuntimeConfig {
	return wazero.NewRuntimeConfig().WithCompilationCache(code).WithDebugInfoEnabled(false).WithMemoryLimitPages(MaxMemoryBytes / PageBytes)
}

// newRuntime compiles a module that has been inspected, or loads its code if that is there. Each module has a runtime of its own, so
// that nothing of it remains when that is closed. A panic of the compiler is an error only if there is one worker.
func newRuntime(ctx context.Context, code wazero.CompilationCache, binary []byte, workers int) (wazero.Runtime, wazero.CompiledModule, error) {
	rt := wazero.NewRuntimeWithConfig(ctx, runtimeConfig(code))
	compiled, err := func() (_ wazero.CompiledModule, err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fault("its compiler crashed: %v", p)
			}
		}()
		if err := instantiateMeter(ctx, rt); err != nil {
			return nil, err
		}
		if _, err := wasi_snapshot_preview1.Instantiate(stoppable(ctx), rt); err != nil {
			return nil, err
		}
		compiled, err := rt.CompileModule(experimental.WithCompilationWorkers(ctx, workers), binary)
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%w: it took too long", ErrTooCostly)
		case err != nil:
			return nil, fault("%w", err)
		}
		return compiled, nil
	}()
	if err != nil {
		return nil, nil, errors.Join(err, rt.Close(ctx))
	}
	return rt, compiled, nil
}
