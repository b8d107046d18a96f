package store

import (
	"context"
	"fmt"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// batchNum returns the number of a batch, or 0 if nobody knows it.
func (db *DB) batchNum(ctx context.Context, name string) (int64, error) {
	num, err := db.database.BatchNum(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("find batch %s: %w", name, err)
	}
	return num, nil
}

// Counts tells how results ended, of all or of a batch. It reads sums that every commit keeps up to date, not the results.
func (db *DB) Counts(ctx context.Context, q events.CountQuery) (events.CountTable, error) {
	table := events.CountTable{Counts: []events.Count{}}
	var num int64
	if q.Batch != "" {
		var err error
		if num, err = db.batchNum(ctx, q.Batch); err != nil || num == 0 {
			return table, err
		}
	}
	list, err := db.database.Counts(ctx, num, q.Recipe)
	if err != nil {
		return table, fmt.Errorf("query counts: %w", err)
	}
	table.Counts = append(table.Counts, list...)
	return table, nil
}

// Batches returns a page of batches, newest first. Errors of the query itself wrap ErrQuery.
func (db *DB) Batches(ctx context.Context, q events.BatchQuery) (events.BatchPage, error) {
	page := events.BatchPage{Batches: []events.Batch{}}
	limit, err := checkLimit(q.Limit)
	if err != nil {
		return page, err
	}
	if q.Reduced && q.Batch == "" {
		return page, queryError("reduced needs a batch: the answers of many are too much for one message")
	}
	before, err := parseBatchCursor(q.After)
	if err != nil {
		return page, err
	}
	list, err := db.database.Batches(ctx, before, q.Batch, limit+1)
	if err != nil {
		return page, fmt.Errorf("query batches: %w", err)
	}
	if len(list) > limit {
		list = list[:limit]
		page.Next = formatBatchCursor(list[limit-1].Num)
	}
	for _, b := range list {
		if q.Reduced {
			if b.Reduced, err = db.reduced(ctx, b.Num); err != nil {
				return page, fmt.Errorf("query batches: %w", err)
			}
		}
		page.Batches = append(page.Batches, b.Batch)
	}
	return page, nil
}
