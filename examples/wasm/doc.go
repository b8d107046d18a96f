// Package wasm has examples of programs that run as modules of WebAssembly, one folder each, and the tests that they work.
package wasm
