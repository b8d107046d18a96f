// Package queries lets items ask databases what their operator has written down: a catalogue in YAML names databases and read-only
// queries with typed parameters. An item names a query and gives values; it never brings SQL or an address.
//
// A query runs in a read-only transaction with a time limit that the server knows, too, and what it yields is capped. All errors of
// Run are verdicts of package ops, or the context's.
package queries
