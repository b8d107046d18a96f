package wasm

// PageBytes is the unit in which WebAssembly counts memory.
const PageBytes = 64 << 10

// Bounds of memory and of modules. Those of modules are so wide that no compiler's output is known to come near them; the JavaScript
// API of WebAssembly has some of them too (https://webassembly.github.io/spec/js-api/#limits). They keep a few bytes from standing
// for gigabytes: a module of 30 bytes can declare four thousand million local variables.
const (
	DefaultModuleBytes = 32 << 20 // of a module
	DefaultMemoryBytes = 64 << 20 // of one instance
	MaxMemoryBytes     = 1 << 30  // of one instance, whatever is asked for

	maxTypes         = 10_000
	maxParams        = 255     // of a function
	maxResults       = 64      // of a function
	maxImports       = 1_000   //
	maxFunctions     = 200_000 //
	maxTables        = 16      //
	maxTableElements = 1 << 18 // of all tables together, at 8 bytes each
	maxGlobals       = 100_000 //
	maxExports       = 100_000 //
	maxElements      = 10_000  // segments that fill tables
	maxData          = 100_000 // segments that fill the memory
	maxBodyBytes     = 7_654_321
	maxLocals        = 50_000    // of one function
	maxAllLocals     = 4_000_000 // of all functions together
	maxName          = 10_000    // bytes of the name of an import or export
)
