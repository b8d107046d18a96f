// Package bulk inserts results into the tables of a sink as fast as the database takes them, with nothing around: no duplicates are looked for,
// and nothing follows from a row.
package bulk
