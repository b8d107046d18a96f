package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/fetchmill/fetchmill/internal/store/driver"
)

const (
	sqlReductions     = `SELECT id, batch, spec FROM reductions WHERE batch = ANY($1::bigint[])`
	sqlAddReductions  = `INSERT INTO reductions (id, batch, spec) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[])`
	sqlDropReductions = `DELETE FROM reductions WHERE id = ANY($1::bigint[])`
	sqlDropReducedOf  = `DELETE FROM reduced WHERE reduction = ANY($1::bigint[])`
	sqlReduced        = `SELECT ` + driver.ReducedColumns + ` FROM reduced WHERE reduction = $1`
	sqlReducedRows    = `SELECT ` + driver.ReducedColumns + ` FROM reduced
		WHERE reduction = $1 AND (part, name) IN (SELECT * FROM unnest($2::integer[], $3::bytea[]))`
	// Of many sets: the index is asked for each row, whatever the statistics say.
	sqlReducedRowsOf = `SELECT r.* FROM unnest($1::bigint[], $2::integer[], $3::bytea[]) AS u (reduction, part, name)
		CROSS JOIN LATERAL (SELECT ` + driver.ReducedColumns + ` FROM reduced WHERE reduction = u.reduction AND part = u.part AND name = u.name OFFSET 0) r`
	sqlLastReduced = `SELECT ` + driver.ReducedColumns + ` FROM reduced
		WHERE reduction = $1 AND part = $2 AND name >= $3::bytea AND name < $4::bytea ORDER BY name DESC LIMIT $5`
	sqlPutReduced = `INSERT INTO reduced (` + driver.ReducedColumns + `)
		SELECT * FROM unnest($1::bigint[], $2::integer[], $3::bytea[], $4::bytea[])
		ON CONFLICT (reduction, part, name) DO UPDATE SET state = excluded.state`
	sqlDropReduced = `DELETE FROM reduced WHERE (reduction, part, name) IN (SELECT * FROM unnest($1::bigint[], $2::integer[], $3::bytea[]))`
)

// querier is a pool or a connection.
type querier interface {
	Query(ctx context.Context, text string, args ...any) (pgx.Rows, error)
}

// Reductions is driver.Reader's.
func (db *DB) Reductions(ctx context.Context, batches []int64) ([]driver.Reduction, error) {
	return reductions(ctx, db.read, batches)
}

// Reductions is driver.Tx's.
func (t *tx) Reductions(ctx context.Context, batches []int64) ([]driver.Reduction, error) {
	return reductions(ctx, t.conn, batches)
}

func reductions(ctx context.Context, q querier, batches []int64) ([]driver.Reduction, error) {
	if len(batches) == 0 {
		return nil, nil
	}
	all, err := collect(driver.ScanReduction)(q.Query(ctx, sqlReductions, batches))
	if err != nil {
		return nil, fmt.Errorf("read reductions: %w", err)
	}
	for i := range all {
		all[i].Spec = decode(all[i].Spec)
	}
	return all, nil
}

// Reduced is driver.Reader's.
func (db *DB) Reduced(ctx context.Context, reduction int64) ([]driver.ReducedRow, error) {
	return collect(driver.ScanReduced)(db.read.Query(ctx, sqlReduced, reduction))
}

// Reduced is driver.Tx's.
func (t *tx) Reduced(ctx context.Context, reduction int64) ([]driver.ReducedRow, error) {
	return collect(driver.ScanReduced)(t.conn.Query(ctx, sqlReduced, reduction))
}

// AddReductions is driver.Tx's.
func (t *tx) AddReductions(_ context.Context, added []driver.Reduction) error {
	if len(added) == 0 {
		return nil
	}
	type reduction = driver.Reduction
	t.last.Queue(sqlAddReductions,
		column(added, func(r *reduction) int64 { return r.ID }),
		column(added, func(r *reduction) int64 { return r.Batch }),
		column(added, func(r *reduction) string { return encode(r.Spec) }))
	return nil
}

// DropReductions is driver.Tx's.
func (t *tx) DropReductions(_ context.Context, ids []int64) error {
	if len(ids) > 0 {
		t.last.Queue(sqlDropReducedOf, ids)
		t.last.Queue(sqlDropReductions, ids)
	}
	return nil
}

// ReducedRows is driver.Tx's.
func (t *tx) ReducedRows(ctx context.Context, keys []driver.ReducedKey) ([]driver.ReducedRow, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	type key = driver.ReducedKey
	parts := column(keys, func(k *key) int32 { return int32(k.Part) })
	names := column(keys, func(k *key) []byte { return []byte(k.Name) })
	text, set := sqlReducedRows, any(keys[0].Reduction)
	if slices.ContainsFunc(keys, func(k key) bool { return k.Reduction != keys[0].Reduction }) {
		text, set = sqlReducedRowsOf, column(keys, func(k *key) int64 { return k.Reduction })
	}
	rows, err := collect(driver.ScanReduced)(t.conn.Query(ctx, text, set, parts, names))
	if err != nil {
		return nil, fmt.Errorf("read what is reduced: %w", err)
	}
	return rows, nil
}

// LastReduced is driver.Tx's.
func (t *tx) LastReduced(ctx context.Context, from driver.ReducedKey, end string, n int) ([]driver.ReducedRow, error) {
	return collect(driver.ScanReduced)(t.conn.Query(ctx, sqlLastReduced, from.Reduction, from.Part, []byte(from.Name), []byte(end), n))
}

// ChangeReduced is driver.Tx's.
func (t *tx) ChangeReduced(_ context.Context, drop []driver.ReducedKey, put []driver.ReducedRow) error {
	type key = driver.ReducedKey
	type row = driver.ReducedRow
	if len(drop) > 0 {
		t.last.Queue(sqlDropReduced,
			column(drop, func(k *key) int64 { return k.Reduction }),
			column(drop, func(k *key) int32 { return int32(k.Part) }),
			column(drop, func(k *key) []byte { return []byte(k.Name) }))
	}
	if len(put) > 0 {
		t.last.Queue(sqlPutReduced,
			column(put, func(r *row) int64 { return r.Reduction }),
			column(put, func(r *row) int32 { return int32(r.Part) }),
			column(put, func(r *row) []byte { return []byte(r.Name) }),
			column(put, func(r *row) []byte { return r.State }))
	}
	return nil
}
