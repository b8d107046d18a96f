package queries

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Defaults and bounds of queries.
const (
	defaultRows        = 10_000
	mostRows           = 1_000_000
	defaultBytes       = 512 << 10
	mostBytes          = 768 << 10 // a value travels in a message, and a message has at most 1 MiB
	defaultTimeout     = 30 * time.Second
	mostTimeout        = 24 * time.Hour
	defaultConnections = 8
	mostConnections    = 1000
)

// Catalogue is what may be asked. It does not change once made. A nil *Catalogue has no queries.
type Catalogue struct {
	databases []*database // in the order of the file
	queries   map[string]*query
	names     []string // of the queries, in the order of the file
}

// database is a pool of connections. They are made when they are needed.
type database struct {
	name    string
	dialect dialect
	pool    *sql.DB
	slots   chan struct{} // a place for each connection
	secrets *strings.Replacer
}

// query is one entry of the catalogue.
type query struct {
	name      string
	database  *database
	statement statement
	params    []param
	maxRows   int
	maxBytes  int
	timeout   time.Duration
}

// Close ends all connections.
func (c *Catalogue) Close() error {
	if c == nil {
		return nil
	}
	var errs []error
	for _, d := range c.databases {
		if d.pool != nil {
			errs = append(errs, d.pool.Close())
		}
	}
	return errors.Join(errs...)
}

// String lists the queries with their databases. It never shows where a database is, nor how to get in.
func (c *Catalogue) String() string {
	if c == nil {
		return "none"
	}
	var parts []string
	for _, d := range c.databases {
		var names []string
		for _, name := range c.names {
			if c.queries[name].database == d {
				names = append(names, name)
			}
		}
		if len(names) > 0 {
			parts = append(parts, fmt.Sprintf("%s on %s (%s)", strings.Join(names, ", "), d.name, d.dialect.name()))
		}
	}
	return strings.Join(parts, "; ")
}
