// Package programs runs the operator's own programs for the operation exec: a pool of processes for each, kept from item to item, that
// read one JSON object per line from their standard input and answer each with one line. docs/exec.md describes it for those who write
// such programs.
//
// What a program does wrong ends its process and the item that it had, and nothing else: a [Runner] replaces the process, bounds what it
// may print, and kills it with its children when the time of an item is over.
package programs
