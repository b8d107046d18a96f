package store

import (
	"context"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// aggregate is something worked out from results in the transaction that commits them, so that it is exact whatever is delivered again or
// dies. One is made for each transaction and asked in this order: load once, add for each result that counts from now on, flush once.
//
// To add one: a file here that implements it, named in change; the tables in the migrations of both databases; and in package
// driver the methods by which Tx loads and saves its state in sets (never row by row: on PostgreSQL each call is a round trip), which
// package sqlite and package postgres implement. Reading it is a method of driver.Reader. A test that commits random entries on
// every database and compares with a plain model goes into TestCommitEqualsModel.
//
// Transactions come strictly one after the other, on PostgreSQL those of all replicas, too: what load has read is still true in flush.
type aggregate interface {
	// load reads, in as few calls as it can, the state that add is going to change. counted has an element for each entry, in their order;
	// those that count nothing are nil.
	load(ctx context.Context, tx driver.Tx, counted []*news) error
	// add takes a result in, in the order of the entries, before its batch is settled.
	add(n *news)
	// flush writes what has changed, in as few calls as it can, and returns what is to be told.
	flush(ctx context.Context, tx driver.Tx) ([]driver.OutboxRow, error)
}

// news is a result that counts from now on: as a result, if isNew is set; in a batch, if that is not nil; or both.
type news struct {
	*events.Result       // as it is stored: a result that a batch borrows names the batch that it was stored with
	seq            int64 // its place in the sequence
	isNew          bool
	batch          *batch
	reduce         *judged   // what it means for the reductions that it came with; nil if there are none
	window         *windowed // what it means for the windows that it came with; nil if there are none
}

func (c *change) load(ctx context.Context, counted []*news) error {
	for _, a := range c.aggregates {
		if err := a.load(ctx, c.tx, counted); err != nil {
			return fmt.Errorf("%T: %w", a, err)
		}
	}
	return nil
}
