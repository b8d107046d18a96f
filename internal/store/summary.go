package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Counts tells how results ended, of all or of a batch. It reads sums that every commit keeps up to date, not the results.
func (db *DB) Counts(ctx context.Context, q events.CountQuery) (events.CountTable, error) {
	table := events.CountTable{Counts: []events.Count{}}
	var num int64
	if q.Batch != "" {
		err := db.read.QueryRowContext(ctx, sqlBatchNum, q.Batch).Scan(&num)
		if errors.Is(err, sql.ErrNoRows) {
			return table, nil
		}
		if err != nil {
			return table, fmt.Errorf("find batch %s: %w", q.Batch, err)
		}
	}
	rows, err := db.read.QueryContext(ctx, sqlCounts, num, q.Recipe, q.Recipe)
	if err != nil {
		return table, fmt.Errorf("query counts: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var c events.Count
		if err := rows.Scan(&c.Recipe, &c.Status, &c.Reason, &c.Count); err != nil {
			return table, fmt.Errorf("query counts: %w", err)
		}
		table.Counts = append(table.Counts, c)
	}
	return table, rows.Err()
}

// Batches returns a page of batches, newest first. Errors of the query itself wrap ErrQuery.
func (db *DB) Batches(ctx context.Context, q events.BatchQuery) (events.BatchPage, error) {
	page := events.BatchPage{Batches: []events.Batch{}}
	limit, err := checkLimit(q.Limit)
	if err != nil {
		return page, err
	}
	after, err := parseBatchCursor(q.After)
	if err != nil {
		return page, err
	}
	text, args := sqlBatches, []any{after, limit + 1}
	if q.Batch != "" {
		text, args = sqlBatchAfter, []any{after, q.Batch}
	}
	rows, err := db.read.QueryContext(ctx, text, args...)
	if err != nil {
		return page, fmt.Errorf("query batches: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var last int64
	for rows.Next() {
		b, err := scanBatch(rows)
		if err != nil {
			return page, fmt.Errorf("query batches: %w", err)
		}
		if len(page.Batches) == limit {
			page.Next = formatBatchCursor(last)
			break
		}
		page.Batches = append(page.Batches, b.Batch)
		last = b.num
	}
	return page, rows.Err()
}
