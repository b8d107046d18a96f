// Package cruncher is the stage that computes: it runs an item's crunch steps one after the other in one worker, as many workers as
// there are processors, and hands the item on to the sink. This package has the built-in operations, one file each:
//
//	count   counts to a number by adding ones
//	hash    hashes what was fetched, or the value so far
//	jq      selects from a JSON document with a jq query
//	noop    does nothing, to measure the way
//	wasm    runs a program of the user's, a module of WebAssembly; it needs a store of modules, so Builtin does not have it
//
// Operations are values (see pkg/ops): a program of its own can run this service with more of them, or with others.
package cruncher
