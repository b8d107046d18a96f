// Package driver says what a database must be able to do for the store: read and write in sets, in transactions that come one after the
// other. What is new, what it counts for and what follows from it is decided above, in package store, once for all databases; below, in
// package sqlite and package postgres, is the SQL.
package driver
