// Package fetcher is the stage of concurrent I/O: thousands of fetches at a time in one process, each with hard caps on time and bytes,
// and none to an address that the network guard refuses.
//
// What it can do is a set of operations, one file each, named after them: http_get.go is http.get. Network makes them on what they stand on,
// which has a package each.
package fetcher
