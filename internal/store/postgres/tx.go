package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fetchmill/fetchmill/internal/store/driver"
)

// tx is driver.Tx's: a set is one statement over arrays. What is written without an answer is sent together with the commit.
type tx struct {
	conn  *pgxpool.Conn
	seq   int64
	taken bool
	last  *pgx.Batch
}

// Take is driver.Tx's.
func (t *tx) Take(n int) int64 {
	before := t.seq
	t.seq += int64(n)
	t.taken = t.taken || n > 0
	return before
}

// column makes an array of what each row has.
func column[R, T any](rows []R, of func(*R) T) []T {
	list := make([]T, len(rows))
	for i := range rows {
		list[i] = of(&rows[i])
	}
	return list
}

// Insert is driver.Tx's.
func (t *tx) Insert(ctx context.Context, rows []driver.Row) ([]bool, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	type row = driver.Row
	isNew, err := t.inserted(ctx, column(rows, func(r *row) int64 { return r.Seq }), sqlInsert,
		column(rows, func(r *row) string { return encode(r.Result.ID) }),
		column(rows, func(r *row) string { return encode(r.Result.Recipe) }),
		column(rows, func(r *row) int64 { return r.Batch }),
		column(rows, func(r *row) int64 { return r.Result.Index }),
		column(rows, func(r *row) string { return encode(r.Result.Key) }),
		column(rows, func(r *row) string { return string(r.Result.Status) }),
		column(rows, func(r *row) string { return encode(string(r.Result.Reason)) }),
		column(rows, func(r *row) string { return encode(r.Result.Error) }),
		column(rows, func(r *row) int64 { return int64(r.Result.Attempts) }),
		column(rows, func(r *row) string { return encode(string(r.Result.Value)) }),
		column(rows, func(r *row) string { return r.Fetch }),
		column(rows, func(r *row) int64 { return driver.Nanos(r.Result.Submitted) }),
		column(rows, func(r *row) int64 { return driver.Nanos(r.Result.Finished) }),
		column(rows, func(r *row) string { return encode(r.Host) }))
	if err != nil {
		return nil, fmt.Errorf("insert results: %w", err)
	}
	return isNew, nil
}

// inserted inserts rows whose first column is seq and tells which of them are new.
func (t *tx) inserted(ctx context.Context, seqs []int64, text string, columns ...any) ([]bool, error) {
	got, err := collect(func(s driver.Scanner) (seq int64, err error) {
		err = s.Scan(&seq)
		return seq, err
	})(t.conn.Query(ctx, text, append([]any{seqs}, columns...)...))
	if err != nil {
		return nil, err
	}
	isNew := make([]bool, len(seqs))
	known := make(map[int64]bool, len(got))
	for _, seq := range got {
		known[seq] = true
	}
	for i, seq := range seqs {
		isNew[i] = known[seq]
	}
	return isNew, nil
}

// Stored is driver.Tx's.
func (t *tx) Stored(ctx context.Context, ids []string) ([]driver.Row, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := collect(scanRow)(t.conn.Query(ctx, sqlStored, column(ids, func(id *string) string { return encode(*id) })))
	if err != nil {
		return nil, fmt.Errorf("read stored results: %w", err)
	}
	return rows, nil
}

// Borrow is driver.Tx's.
func (t *tx) Borrow(ctx context.Context, loans []driver.Loan) ([]bool, error) {
	if len(loans) == 0 {
		return nil, nil
	}
	type loan = driver.Loan
	isNew, err := t.inserted(ctx, column(loans, func(l *loan) int64 { return l.Seq }), sqlBorrow,
		column(loans, func(l *loan) int64 { return l.Batch }),
		column(loans, func(l *loan) int64 { return l.Index }),
		column(loans, func(l *loan) int64 { return l.Result }))
	if err != nil {
		return nil, fmt.Errorf("borrow results: %w", err)
	}
	return isNew, nil
}

// Oldest is driver.Tx's.
func (t *tx) Oldest(ctx context.Context, recipe string, after int64, limit int) ([]driver.Aged, error) {
	return collect(driver.ScanAged)(t.conn.Query(ctx, sqlOldest, encode(recipe), after, limit))
}

// Delete is driver.Tx's.
func (t *tx) Delete(_ context.Context, seqs []int64) error {
	if len(seqs) > 0 {
		t.last.Queue(sqlDeleteLoans, seqs)
		t.last.Queue(sqlDeleteResults, seqs)
	}
	return nil
}

// AddCounts is driver.Tx's.
func (t *tx) AddCounts(_ context.Context, counts []driver.Count) error {
	if len(counts) == 0 {
		return nil
	}
	type count = driver.Count
	t.last.Queue(sqlAddCounts,
		column(counts, func(c *count) int64 { return c.Batch }),
		column(counts, func(c *count) string { return encode(c.Recipe) }),
		column(counts, func(c *count) string { return string(c.Status) }),
		column(counts, func(c *count) string { return encode(string(c.Reason)) }),
		column(counts, func(c *count) int64 { return c.Count.Count }))
	return nil
}

// PutOutbox is driver.Tx's.
func (t *tx) PutOutbox(_ context.Context, rows []driver.OutboxRow) error {
	if len(rows) == 0 {
		return nil
	}
	type row = driver.OutboxRow
	t.last.Queue(sqlPutOutbox,
		column(rows, func(o *row) string { return o.Subject }),
		column(rows, func(o *row) string { return o.MsgID }),
		column(rows, func(o *row) string { return o.Type }),
		column(rows, func(o *row) string { return encode(string(o.Data)) }))
	return nil
}
