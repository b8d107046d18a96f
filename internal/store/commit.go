package store

import (
	"context"
	"fmt"
)

// Commit puts entries into the database in one transaction, in their order, and tells what came of each. After an error nothing of
// it can be relied on, and committing the same entries again is right.
func (db *DB) Commit(ctx context.Context, entries []Entry) ([]Outcome, error) {
	g, err := newGroup(entries)
	if err != nil {
		return nil, err
	}
	if err := g.judge(ctx, db.bench); err != nil {
		return nil, err
	}
	if err := g.judgeWindows(ctx, db.windowBench); err != nil {
		return nil, err
	}
	err = db.change(ctx, func(ctx context.Context, c *change) error { return c.commit(ctx, g) })
	if err != nil {
		return nil, fmt.Errorf("commit %d entries: %w", len(entries), err)
	}
	return g.outcomes, nil
}

// commit asks the database in sets what is new, and then goes through the entries in their order.
func (c *change) commit(ctx context.Context, g *group) error {
	if err := c.loadBatches(ctx, g.names); err != nil {
		return err
	}
	g.place(c.tx.Take(len(g.entries)), c.batches)
	isNew, err := c.tx.Insert(ctx, g.rows)
	if err != nil {
		return err
	}
	stored, err := c.tx.Stored(ctx, g.duplicates(isNew))
	if err != nil {
		return err
	}
	if err := g.replace(isNew, stored); err != nil {
		return err
	}
	counted, loans := g.sort(c.batches, isNew)
	lent, err := c.tx.Borrow(ctx, loans)
	if err != nil {
		return err
	}
	g.refuse(counted, loans, lent)
	if err := c.load(ctx, counted); err != nil {
		return err
	}
	for i, e := range g.entries {
		if err := c.apply(ctx, e, counted[i]); err != nil {
			return err
		}
	}
	return nil
}

// apply counts an entry. n is nil if it is no result, or one that has been counted before.
func (c *change) apply(ctx context.Context, e Entry, n *news) error {
	b := c.batches[e.batch()]
	switch {
	case e.Record != nil:
		b.record(e.Record)
		return c.settle(ctx, b)
	case b != nil:
		b.adopt(e.Result.Recipe)
	}
	if n == nil {
		return nil
	}
	for _, a := range c.aggregates {
		a.add(n)
	}
	if b == nil {
		return nil
	}
	b.count(n.Status)
	return c.settle(ctx, b)
}
