package postgres

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// collect reads and closes the answer to a query.
func collect[T any](scan func(driver.Scanner) (T, error)) func(pgx.Rows, error) ([]T, error) {
	return func(rows pgx.Rows, err error) ([]T, error) {
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		return driver.Collect(rows, scan)
	}
}

// scanRow is driver.ScanRow for encoded text.
func scanRow(s driver.Scanner) (driver.Row, error) {
	row, err := driver.ScanRow(s)
	if err != nil {
		return row, err
	}
	r := row.Result
	r.ID, r.Recipe, r.Key, r.Reason, r.Error = decode(r.ID), decode(r.Recipe), decode(r.Key), events.Reason(decode(string(r.Reason))), decode(r.Error)
	if r.Value != nil {
		r.Value = json.RawMessage(decode(string(r.Value)))
	}
	return row, nil
}

// BatchNum is driver.Reader's.
func (db *DB) BatchNum(ctx context.Context, name string) (num int64, err error) {
	err = db.read.QueryRow(ctx, sqlBatchNum, encode(name)).Scan(&num)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return num, err
}

// encoded encodes the texts among arguments.
func encoded(args []any) []any {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = encode(s)
		}
	}
	return args
}

// Reach is driver.Reader's.
func (db *DB) Reach(ctx context.Context, q driver.Select, n int) (*driver.Place, error) {
	var places []driver.Place
	texts, args := dialect.Reach(q, n)
	for i, text := range texts {
		some, err := collect(driver.ScanPlace)(db.read.Query(ctx, numbered(text), encoded(args[i])...))
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
	rows, err := db.read.Query(ctx, numbered(text), encoded(args)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		row, err := scanRow(rows)
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
	return collect(driver.ScanCount)(db.read.Query(ctx, sqlCounts, batch, encode(recipe)))
}

// Batches is driver.Reader's.
func (db *DB) Batches(ctx context.Context, before int64, name string, limit int) ([]driver.Batch, error) {
	if name != "" {
		return collect(driver.ScanBatch)(db.read.Query(ctx, sqlBatchNamed, before, encode(name), limit))
	}
	return collect(driver.ScanBatch)(db.read.Query(ctx, sqlBatches, before, limit))
}

// Outbox is driver.Reader's.
func (db *DB) Outbox(ctx context.Context, limit int) ([]driver.OutboxRow, error) {
	rows, err := collect(driver.ScanOutbox)(db.read.Query(ctx, sqlOutbox, limit))
	for i := range rows {
		rows[i].Data = []byte(decode(string(rows[i].Data)))
	}
	return rows, err
}
