// Package wasm runs programs of users that are compiled to WebAssembly: commands of WASI preview 1, which read their standard input,
// write their standard output and end. Nobody has to trust them. Inspect refuses what would hurt before anything is allocated for
// it, a process of its own compiles what is left, and each run gets a fresh instance with bounds for time, memory and output, without
// files, network and environment. docs/wasm.md says what such a program may rely on.
package wasm
