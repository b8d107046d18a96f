package cruncher

import (
	"errors"
	"log/slog"

	"github.com/fetchmill/fetchmill/internal/wasm"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher/programs"
)

// ToolConfig says what the built-in operations stand on. The zero value is ready to use.
type ToolConfig struct {
	// Programs are those that exec may run; nil has none, so that it refuses everything.
	Programs *programs.Catalogue
	// Concurrency is how many items are computed at the same time, and how many processes a program has that does not say it itself; 0 means
	// as many as a Config that says nothing has workers.
	Concurrency int
	// Modules is where the modules of WebAssembly are that wasm runs; nil has none, so that it refuses everything.
	Modules Modules
	// WASM says how they are compiled and kept.
	WASM wasm.Config
	// Files are those that file.part reads parts of; nil has none, so that it refuses everything.
	Files Files
	// Log gets what programs write to stderr. Nil logs nothing.
	Log *slog.Logger
}

// Toolbox is what the built-in operations share.
type Toolbox struct {
	programs *programs.Runner
	files    Files
	engine   *wasm.Engine
	wasm     ops.Op
}

// NewToolbox makes what the built-in operations share. Close it when the last of them has returned.
func NewToolbox(cfg ToolConfig) *Toolbox {
	if cfg.Concurrency == 0 {
		cfg.Concurrency = Config{}.Workers().Limit()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Modules == nil {
		cfg.Modules = noModules{}
	}
	cfg.WASM.Log = cfg.Log
	engine := wasm.NewEngine(cfg.WASM)
	return &Toolbox{
		programs: programs.New(cfg.Programs, programs.Config{Workers: cfg.Concurrency, Log: cfg.Log}),
		files:    cfg.Files,
		engine:   engine, wasm: wasmOp(engine, cfg.Modules, cfg.Log),
	}
}

// Ops returns the built-in operations.
func (t *Toolbox) Ops() ops.Set {
	return ops.NewSet(
		Count(), CSVStats(), execOp(t.programs), Expr(), Factorial(), filePart(t.files), Gunzip(), Gzip(), HTMLExtract(), Hash(), ImageInfo(), ImageResize(),
		ImageThumbnail(), Increment(), JQ(), Noop(), Primes(), TextStats(), Unzstd(), t.wasm, Words(), Zstd(),
	)
}

// Close ends what the operations have started, programs for example, and waits for its end.
func (t *Toolbox) Close() error { return errors.Join(t.programs.Close(), t.engine.Close()) }
