package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/store/driver"
)

const (
	sqlReductions     = `SELECT id, batch, spec FROM reductions WHERE batch = ?`
	sqlAddReduction   = `INSERT INTO reductions (id, batch, spec) VALUES (?, ?, ?)`
	sqlDropReduction  = `DELETE FROM reductions WHERE id = ?`
	sqlDropReducedAll = `DELETE FROM reduced WHERE reduction = ?`
	sqlReduced        = `SELECT ` + driver.ReducedColumns + ` FROM reduced WHERE reduction = ?`
	sqlReducedRow     = `SELECT ` + driver.ReducedColumns + ` FROM reduced WHERE reduction = ? AND part = ? AND name = ?`
	sqlLastReduced    = `SELECT ` + driver.ReducedColumns + ` FROM reduced WHERE reduction = ? AND part = ? AND name >= ? AND name < ? ORDER BY name DESC LIMIT ?`
	sqlPutReduced     = `INSERT INTO reduced (` + driver.ReducedColumns + `) VALUES (?, ?, ?, ?)
		ON CONFLICT (reduction, part, name) DO UPDATE SET state = excluded.state`
	sqlDropReduced = `DELETE FROM reduced WHERE reduction = ? AND part = ? AND name = ?`
)

// Reductions is driver.Reader's.
func (db *DB) Reductions(ctx context.Context, batches []int64) ([]driver.Reduction, error) {
	return reductions(ctx, db.read, batches)
}

// Reductions is driver.Tx's.
func (t tx) Reductions(ctx context.Context, batches []int64) ([]driver.Reduction, error) {
	return reductions(ctx, t.conn, batches)
}

func reductions(ctx context.Context, q querier, batches []int64) (all []driver.Reduction, err error) {
	for _, batch := range batches {
		some, err := list(ctx, q, driver.ScanReduction, sqlReductions, batch)
		if err != nil {
			return nil, fmt.Errorf("read reductions: %w", err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// Reduced is driver.Reader's.
func (db *DB) Reduced(ctx context.Context, reduction int64) ([]driver.ReducedRow, error) {
	return list(ctx, db.read, driver.ScanReduced, sqlReduced, reduction)
}

// Reduced is driver.Tx's.
func (t tx) Reduced(ctx context.Context, reduction int64) ([]driver.ReducedRow, error) {
	return list(ctx, t.conn, driver.ScanReduced, sqlReduced, reduction)
}

// AddReductions is driver.Tx's.
func (t tx) AddReductions(ctx context.Context, added []driver.Reduction) error {
	for _, r := range added {
		if _, err := t.conn.ExecContext(ctx, sqlAddReduction, r.ID, r.Batch, r.Spec); err != nil {
			return fmt.Errorf("add reductions: %w", err)
		}
	}
	return nil
}

// DropReductions is driver.Tx's. Foreign keys are not enforced here, so their rows are deleted one table after the other.
func (t tx) DropReductions(ctx context.Context, ids []int64) error {
	for _, id := range ids {
		for _, text := range []string{sqlDropReducedAll, sqlDropReduction} {
			if _, err := t.conn.ExecContext(ctx, text, id); err != nil {
				return fmt.Errorf("drop reductions: %w", err)
			}
		}
	}
	return nil
}

// ReducedRows is driver.Tx's.
func (t tx) ReducedRows(ctx context.Context, keys []driver.ReducedKey) ([]driver.ReducedRow, error) {
	var rows []driver.ReducedRow
	for _, k := range keys {
		row, err := driver.ScanReduced(t.reducedRow.QueryRowContext(ctx, k.Reduction, k.Part, []byte(k.Name)))
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("read what is reduced: %w", err)
		}
		if err == nil {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// LastReduced is driver.Tx's.
func (t tx) LastReduced(ctx context.Context, from driver.ReducedKey, end string, n int) ([]driver.ReducedRow, error) {
	return list(ctx, t.conn, driver.ScanReduced, sqlLastReduced, from.Reduction, from.Part, []byte(from.Name), []byte(end), n)
}

// ChangeReduced is driver.Tx's.
func (t tx) ChangeReduced(ctx context.Context, drop []driver.ReducedKey, put []driver.ReducedRow) error {
	for _, k := range drop {
		if _, err := t.conn.ExecContext(ctx, sqlDropReduced, k.Reduction, k.Part, []byte(k.Name)); err != nil {
			return fmt.Errorf("drop what is reduced: %w", err)
		}
	}
	for _, r := range put {
		if _, err := t.putReduced.ExecContext(ctx, r.Reduction, r.Part, []byte(r.Name), r.State); err != nil {
			return fmt.Errorf("write what is reduced: %w", err)
		}
	}
	return nil
}
