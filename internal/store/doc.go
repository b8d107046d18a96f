// Package store is the sink's database: results, batches, their counts and an outbox, changed together in one transaction.
//
// A result is inserted by its id and never changed. Only rows that are really new change counts and batches, so committing
// an entry again does no harm; that makes "at least once" on the way here into "exactly once" in the database.
//
// The database is SQLite or PostgreSQL. All rules are here, once; package driver says what they ask of a database, in sets; package sqlite
// and package postgres have the SQL. A commit asks which of its results are new, and then goes through its entries in their order, in Go
// (commit.go). What else is to be worked out from results in the same transaction is an aggregate (aggregate.go).
//
// What Commit has returned survives kill -9 of the process in any case, because the database has handed it to the operating system.
// It also survives a power loss with Synchronous FULL, the default: the write-ahead log is synced before Commit returns. With NORMAL a
// power loss can take the last commits back (never the database's consistency), while the broker may have forgotten
// the acknowledged messages: those results would be lost. With PostgreSQL that is its setting synchronous_commit, on by default.
package store
