package wasm

import (
	"context"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

const wasiModule = wasi_snapshot_preview1.ModuleName

// wasiFunctions are the types of the functions that modules may import, by name.
var wasiFunctions = sync.OnceValue(func() map[string]string {
	ctx := context.Background()
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer func() { _ = runtime.Close(ctx) }()
	host, err := wasi_snapshot_preview1.NewBuilder(runtime).Compile(ctx)
	if err != nil {
		panic("wasm: WASI does not compile: " + err.Error())
	}
	functions := make(map[string]string)
	for name, f := range host.ExportedFunctions() {
		functions[name] = signature(f.ParamTypes(), f.ResultTypes())
	}
	return functions
})
