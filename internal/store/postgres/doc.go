// Package postgres is the store's driver for PostgreSQL, which any number of processes share: their transactions come one after the other
// (docs/adr/0011-postgresql.md), so that what is exact on SQLite is exact here for the same reason.
package postgres
