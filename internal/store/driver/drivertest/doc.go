// Package drivertest has what databases are to be asked in tests: every combination of what a query can have.
package drivertest
