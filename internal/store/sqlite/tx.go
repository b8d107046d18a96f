package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/store/driver"
)

// tx is driver.Tx's: a set is a prepared statement for each of its rows, which costs no round trip here.
type tx struct{ *writer }

// Take is driver.Tx's.
func (t tx) Take(n int) int64 {
	before := t.last
	t.last += int64(n)
	return before
}

// Insert is driver.Tx's.
func (t tx) Insert(ctx context.Context, rows []driver.Row) ([]bool, error) {
	isNew := make([]bool, len(rows))
	for i, row := range rows {
		r := row.Result
		var err error
		isNew[i], err = changed(t.insert.ExecContext(ctx, row.Seq, r.ID, r.Recipe, row.Batch, r.Index, string(r.Status), string(r.Reason), r.Attempts,
			driver.Nanos(r.Submitted), driver.Nanos(r.Finished), row.Host, r.Key, r.Error, string(r.Value), row.Fetch))
		if err != nil {
			return nil, fmt.Errorf("insert result %s: %w", r.ID, err)
		}
	}
	return isNew, nil
}

// Stored is driver.Tx's.
func (t tx) Stored(ctx context.Context, ids []string) ([]driver.Row, error) {
	var rows []driver.Row
	for _, id := range ids {
		row, err := driver.ScanRow(t.stored.QueryRowContext(ctx, id))
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("read result %s: %w", id, err)
		}
		if err == nil {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// Borrow is driver.Tx's.
func (t tx) Borrow(ctx context.Context, loans []driver.Loan) ([]bool, error) {
	isNew := make([]bool, len(loans))
	for i, l := range loans {
		var err error
		if isNew[i], err = changed(t.borrow.ExecContext(ctx, l.Seq, l.Batch, l.Index, l.Result)); err != nil {
			return nil, fmt.Errorf("borrow results: %w", err)
		}
	}
	return isNew, nil
}

// changed tells whether a statement has changed a row.
func changed(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// Batches is driver.Tx's.
func (t tx) Batches(ctx context.Context, names []string, now int64) ([]driver.Batch, error) {
	batches := make([]driver.Batch, 0, len(names))
	for _, name := range names {
		b, err := driver.ScanBatch(t.batchByName.QueryRowContext(ctx, name))
		if errors.Is(err, sql.ErrNoRows) {
			b, err = driver.ScanBatch(t.makeBatch.QueryRowContext(ctx, name, now, now))
		}
		if err != nil {
			return nil, fmt.Errorf("batch %s: %w", name, err)
		}
		batches = append(batches, b)
	}
	return batches, nil
}

// UpdateBatches is driver.Tx's.
func (t tx) UpdateBatches(ctx context.Context, batches []driver.Batch, now int64) error {
	for _, b := range batches {
		_, err := t.updateBatch.ExecContext(ctx, b.Recipe, string(b.State), b.Cancel, b.Announced, b.Total, b.OK, b.Failed, b.Cancelled,
			now, driver.Nanos(b.Finished), b.Num)
		if err != nil {
			return fmt.Errorf("update batch %s: %w", b.Batch.Batch, err)
		}
	}
	return nil
}

// Idle is driver.Tx's.
func (t tx) Idle(ctx context.Context, before int64, limit int) ([]driver.Batch, error) {
	return list(ctx, t.conn, driver.ScanBatch, sqlIdle, before, limit)
}

// Oldest is driver.Tx's.
func (t tx) Oldest(ctx context.Context, recipe string, after int64, limit int) ([]driver.Aged, error) {
	return list(ctx, t.conn, driver.ScanAged, sqlOldest, recipe, after, limit)
}

// Delete is driver.Tx's.
func (t tx) Delete(ctx context.Context, seqs []int64) error {
	for _, stmt := range []*sql.Stmt{t.deleteLoans, t.deleteResult} {
		for _, seq := range seqs {
			if _, err := stmt.ExecContext(ctx, seq); err != nil {
				return fmt.Errorf("delete results: %w", err)
			}
		}
	}
	return nil
}

// AddCounts is driver.Tx's.
func (t tx) AddCounts(ctx context.Context, counts []driver.Count) error {
	for _, c := range counts {
		if _, err := t.addCount.ExecContext(ctx, c.Batch, c.Recipe, string(c.Status), string(c.Reason), c.Count.Count); err != nil {
			return fmt.Errorf("add to counts: %w", err)
		}
	}
	return nil
}

// PutOutbox is driver.Tx's.
func (t tx) PutOutbox(ctx context.Context, rows []driver.OutboxRow) error {
	for _, o := range rows {
		if _, err := t.putOutbox.ExecContext(ctx, o.Subject, o.MsgID, o.Type, string(o.Data)); err != nil {
			return fmt.Errorf("write outbox: %w", err)
		}
	}
	return nil
}
