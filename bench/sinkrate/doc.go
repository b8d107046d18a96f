// Package sinkrate measures how many rows per second the sink commits: its store alone, and all of it, against a bare loop that inserts the
// same rows in bulk into the same tables with the same indexes.
package sinkrate
