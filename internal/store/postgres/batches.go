package postgres

import (
	"context"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/store/driver"
)

// Batches is driver.Tx's.
func (t *tx) Batches(ctx context.Context, names []string, now int64) ([]driver.Batch, error) {
	if len(names) == 0 {
		return nil, nil
	}
	known, err := collect(driver.ScanBatch)(t.conn.Query(ctx, sqlBatchesByName, names))
	if err != nil {
		return nil, fmt.Errorf("read batches: %w", err)
	}
	byName := make(map[string]driver.Batch, len(names))
	for _, b := range known {
		byName[b.Name()] = b
	}
	var unknown []string
	for _, name := range names {
		if _, ok := byName[name]; !ok {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		made, err := collect(driver.ScanBatch)(t.conn.Query(ctx, sqlMakeBatches, unknown, now))
		if err != nil {
			return nil, fmt.Errorf("make batches: %w", err)
		}
		for _, b := range made {
			byName[b.Name()] = b
		}
	}
	return column(names, func(name *string) driver.Batch { return byName[*name] }), nil
}

// UpdateBatches is driver.Tx's.
func (t *tx) UpdateBatches(_ context.Context, batches []driver.Batch, now int64) error {
	if len(batches) == 0 {
		return nil
	}
	type batch = driver.Batch
	t.last.Queue(sqlUpdateBatches,
		column(batches, func(b *batch) int64 { return b.Num }),
		column(batches, func(b *batch) string { return encode(b.Recipe) }),
		column(batches, func(b *batch) string { return string(b.State) }),
		column(batches, func(b *batch) bool { return b.Cancel }),
		column(batches, func(b *batch) int64 { return b.Announced }),
		column(batches, func(b *batch) int64 { return b.Total }),
		column(batches, func(b *batch) int64 { return b.OK }),
		column(batches, func(b *batch) int64 { return b.Failed }),
		column(batches, func(b *batch) int64 { return b.Cancelled }),
		column(batches, func(b *batch) int64 { return driver.Nanos(b.Finished) }),
		now)
	return nil
}

// Idle is driver.Tx's.
func (t *tx) Idle(ctx context.Context, before int64, limit int) ([]driver.Batch, error) {
	return collect(driver.ScanBatch)(t.conn.Query(ctx, sqlIdle, before, limit))
}
