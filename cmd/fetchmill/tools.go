package main

import (
	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/internal/wasm"
)

// tools are the flags of commands that compute, about what they compute with.
type tools struct {
	Programs   string `placeholder:"FILE" help:"Let recipes have items done by the programs of this list (docs/exec.md says how it is written)."`
	WASMCache  string `name:"wasm-cache" placeholder:"DIR" help:"Folder that keeps compiled modules of WebAssembly from one start to the next. Nobody else may write there. Default: wasm in the data folder, or else a temporary one."`
	WASMModule int64  `name:"wasm-module-bytes" default:"33554432" placeholder:"N" help:"Size of the largest module of WebAssembly that is taken (default ${default})."`
}

func (f tools) apply(c *app.Config) {
	c.Programs = f.Programs
	c.WASM = wasm.Config{Dir: f.WASMCache, ModuleBytes: f.WASMModule, Compiler: compiler}
}
