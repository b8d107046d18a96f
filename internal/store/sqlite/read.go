package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// querier is a *sql.DB or a *sql.Conn.
type querier interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

// list reads the whole answer to a query.
func list[T any](ctx context.Context, q querier, scan func(driver.Scanner) (T, error), text string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all, err := driver.Collect(rows, scan)
	return all, errors.Join(err, rows.Err())
}

// BatchNum is driver.Reader's.
func (db *DB) BatchNum(ctx context.Context, name string) (num int64, err error) {
	err = db.read.QueryRowContext(ctx, sqlBatchNum, name).Scan(&num)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return num, err
}

// Reach is driver.Reader's.
func (db *DB) Reach(ctx context.Context, q driver.Select, n int) (*driver.Place, error) {
	var places []driver.Place
	texts, args := dialect.Reach(q, n)
	for i, text := range texts {
		some, err := list(ctx, db.read, driver.ScanPlace, text, args[i]...)
		if err != nil {
			return nil, err
		}
		places = append(places, some...)
	}
	return driver.Nearest(q, places), nil
}

// Results is driver.Reader's.
func (db *DB) Results(ctx context.Context, q driver.Select, to func(driver.Row) (bool, error)) error {
	text, args := dialect.Page(q)
	rows, err := db.read.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		row, err := driver.ScanRow(rows)
		if err != nil {
			return err
		}
		if more, err := to(row); !more || err != nil {
			return err
		}
	}
	return rows.Err()
}

// Counts is driver.Reader's.
func (db *DB) Counts(ctx context.Context, batch int64, recipe string) ([]events.Count, error) {
	return list(ctx, db.read, driver.ScanCount, sqlCounts, batch, recipe, recipe)
}

// Batches is driver.Reader's.
func (db *DB) Batches(ctx context.Context, before int64, name string, limit int) ([]driver.Batch, error) {
	if name != "" {
		return list(ctx, db.read, driver.ScanBatch, sqlBatchNamed, before, name, limit)
	}
	return list(ctx, db.read, driver.ScanBatch, sqlBatches, before, limit)
}

// Outbox is driver.Reader's.
func (db *DB) Outbox(ctx context.Context, limit int) ([]driver.OutboxRow, error) {
	return list(ctx, db.read, driver.ScanOutbox, sqlOutbox, limit)
}

// Drain is driver.Database's. The process that writes is the only one that drains, and nothing is locked while it publishes.
func (db *DB) Drain(ctx context.Context, part driver.OutboxPart, most int, publish func(context.Context, []driver.OutboxRow) (int, error)) (int, error) {
	rows, err := list(ctx, db.read, driver.ScanOutbox, sqlOutboxColumns+part.Where()+sqlOutboxOrder, most)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	n, sendErr := publish(ctx, rows)
	if n == 0 {
		return 0, sendErr
	}
	err = db.write(ctx, func(ctx context.Context, w *writer) error {
		for _, o := range rows[:n] {
			if _, err := w.dropOutbox.ExecContext(ctx, o.ID); err != nil {
				return err
			}
		}
		return nil
	})
	return n, errors.Join(sendErr, err)
}
