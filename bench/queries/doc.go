// Package queries measures how long the queries of the dashboard and of the command line take in a database with many results.
package queries
