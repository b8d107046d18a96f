// Package sqlite is the store's driver for SQLite: one file, one process that writes to it, and any number that read.
package sqlite
