// Package e2e tests what the program promises, as a user sees it: the program and the nats command line run as processes, web sites
// answer over HTTP, results are read from a real database.
package e2e
