// Package cruncher is the stage that computes: it runs an item's crunch steps one after the other in one worker, as many workers as
// there are processors, and hands the item on to the sink. This package has the built-in operations, one file each:
//
//	count, increment        add ones, to keep a processor busy
//	factorial, primes       compute with large and with many numbers
//	hash                    hashes what was fetched, or the value so far
//	text.stats, words       count what is in a text
//	html.extract            takes title, text, links and what selectors match from a page
//	jq, expr                select from JSON, filter and map lists
//	csv.stats               describes the columns of a table
//	image.info              tells what an image is; image.resize and image.thumbnail scale it
//	gzip, gunzip            compress and decompress bodies; zstd and unzstd likewise
//	file.part               hands on a part of a large file, read where it is
//	exec                    has a program of the operator do the item
//	wasm                    has a program do it that need not be trusted, a module of WebAssembly
//	noop                    does nothing, to measure the way
//
// Operations are values (see pkg/ops): a program of its own can run this service with more of them, or with others.
package cruncher
