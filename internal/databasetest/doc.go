// Package databasetest starts real database servers for tests: a PostgreSQL and a MariaDB, each in a temporary folder, on a Unix socket only,
// as an unprivileged user, without waiting for the disk. A server that is not installed is a failed test that says how to install it.
package databasetest
