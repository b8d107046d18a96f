package postgres

import (
	"context"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/store/driver"
)

const (
	sqlWindowStream     = `SELECT ` + driver.WindowStreamColumns + `, ` + driver.NextEnd + ` FROM window_streams s WHERE id = $1`
	sqlWindowStreams    = `SELECT ` + driver.WindowStreamColumns + `, ` + driver.NextEnd + ` FROM window_streams s ORDER BY recipe, id DESC LIMIT $1`
	sqlWindowStreamsOf  = `SELECT ` + driver.WindowStreamColumns + `, ` + driver.NextEnd + ` FROM window_streams s WHERE recipe = $1 ORDER BY id DESC LIMIT $2`
	sqlOpenStreams      = `SELECT ` + driver.WindowStreamColumns + `, ` + driver.NextEnd + ` FROM window_streams s WHERE ` + driver.HasOpen
	sqlLoadStreams      = `SELECT ` + driver.WindowStreamColumns + `, 0::bigint FROM window_streams WHERE recipe = ANY($1::text[])`
	sqlSaveWindowStream = `INSERT INTO window_streams (` + driver.WindowStreamColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (id) DO UPDATE SET watermark = excluded.watermark, sources = excluded.sources, counted = excluded.counted,
			late = excluded.late, skipped = excluded.skipped`

	// The index is asked for each key, whatever the statistics say.
	sqlOpenWindows = `SELECT w.* FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[]) AS u (of, name, beyond, before)
		CROSS JOIN LATERAL (SELECT ` + driver.WindowColumns + `, answer FROM windows
			WHERE open = 1 AND stream = u.of AND key = u.name AND end_at > u.beyond AND start_at < u.before OFFSET 0) w`
	// Likewise the order of these is that of one index only, as with pages of results (driver.Dialect).
	sqlDueWindows = `SELECT ` + driver.WindowColumns + `, answer FROM windows
		WHERE open = 1 AND stream = ANY(ARRAY[$1::bigint]) AND end_at <= $2 ORDER BY stream, end_at, id LIMIT $3`
	sqlSaveWindows = `INSERT INTO windows (` + driver.WindowColumns + `, answer)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
			$10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::text[])
		ON CONFLICT (id) DO UPDATE SET start_at = excluded.start_at, end_at = excluded.end_at, open = excluded.open, closed = excluded.closed,
			ok = excluded.ok, failed = excluded.failed, cancelled = excluded.cancelled, late = excluded.late, answer = excluded.answer`
	sqlDropWindows = `DELETE FROM windows WHERE id = ANY($1::bigint[])`
	sqlCountLate   = `UPDATE windows SET late = late + $1 WHERE start_at <= $2 AND id = (SELECT id FROM windows
		WHERE recipe = ANY(ARRAY[$3::text]) AND key = $4 AND open = 0 AND end_at >= $5 AND end_at <= $6 AND stream = $7 ORDER BY recipe, end_at, id LIMIT 1)`
	sqlOldWindows = `SELECT end_at, id, closed FROM windows
		WHERE recipe = ANY(ARRAY[$1::text]) AND open = 0 AND (end_at, id) > ($2, $3) ORDER BY recipe, end_at, id LIMIT $4`
	sqlNthWindow = `SELECT end_at, id FROM windows
		WHERE recipe = ANY(ARRAY[$1::text]) AND open = 0 ORDER BY recipe DESC, end_at DESC, id DESC LIMIT 1 OFFSET $2`
	sqlWindow = `SELECT ` + driver.WindowColumns + `, answer FROM windows WHERE id = $1`
)

func scanWindow(s driver.Scanner) (driver.Window, error) {
	w, err := driver.ScanWindow(s)
	w.Recipe, w.Key, w.Answer = decode(w.Recipe), decode(w.Key), decode(w.Answer)
	return w, err
}

func scanWindowStream(s driver.Scanner) (driver.WindowStream, error) {
	w, err := driver.ScanWindowStream(s)
	w.Recipe, w.Spec, w.Sources = decode(w.Recipe), decode(w.Spec), decode(w.Sources)
	return w, err
}

// LoadWindowStreams is driver.WindowTx's.
func (t *tx) LoadWindowStreams(ctx context.Context, recipes []string) ([]driver.WindowStream, error) {
	all, err := collect(scanWindowStream)(t.conn.Query(ctx, sqlLoadStreams, column(recipes, func(s *string) string { return encode(*s) })))
	if err != nil {
		return nil, fmt.Errorf("load streams of windows: %w", err)
	}
	return all, nil
}

// LoadWindowStream is driver.WindowTx's.
func (t *tx) LoadWindowStream(ctx context.Context, id int64) ([]driver.WindowStream, error) {
	return collect(scanWindowStream)(t.conn.Query(ctx, sqlWindowStream, id))
}

// SaveWindowStreams is driver.WindowTx's. There are few of them.
func (t *tx) SaveWindowStreams(_ context.Context, list []driver.WindowStream) error {
	for i := range list {
		s := &list[i]
		t.last.Queue(sqlSaveWindowStream, s.ID, encode(s.Recipe), encode(s.Spec), s.Watermark, encode(s.Sources), s.Counted, s.Late, s.Skipped)
	}
	return nil
}

// OpenWindows is driver.WindowTx's.
func (t *tx) OpenWindows(ctx context.Context, ranges []driver.WindowRange) ([]driver.Window, error) {
	if len(ranges) == 0 {
		return nil, nil
	}
	type r = driver.WindowRange
	all, err := collect(scanWindow)(t.conn.Query(ctx, sqlOpenWindows,
		column(ranges, func(r *r) int64 { return r.Stream }),
		column(ranges, func(r *r) string { return encode(r.Key) }),
		column(ranges, func(r *r) int64 { return r.After }),
		column(ranges, func(r *r) int64 { return r.Before })))
	if err != nil {
		return nil, fmt.Errorf("load windows: %w", err)
	}
	return all, nil
}

// DueWindows is driver.WindowTx's.
func (t *tx) DueWindows(ctx context.Context, stream, until int64, limit int) ([]driver.Window, error) {
	return collect(scanWindow)(t.conn.Query(ctx, sqlDueWindows, stream, until, limit))
}

// SaveWindows is driver.WindowTx's.
func (t *tx) SaveWindows(_ context.Context, list []driver.Window) error {
	if len(list) == 0 {
		return nil
	}
	type w = driver.Window
	t.last.Queue(sqlSaveWindows,
		column(list, func(w *w) int64 { return w.ID }),
		column(list, func(w *w) int64 { return w.Stream }),
		column(list, func(w *w) string { return encode(w.Recipe) }),
		column(list, func(w *w) string { return w.Kind }),
		column(list, func(w *w) string { return encode(w.Key) }),
		column(list, func(w *w) int64 { return w.Start }),
		column(list, func(w *w) int64 { return w.End }),
		column(list, func(w *w) int64 { return driver.OpenFlag(w.Open) }),
		column(list, func(w *w) int64 { return w.Closed }),
		column(list, func(w *w) int64 { return w.OK }),
		column(list, func(w *w) int64 { return w.Failed }),
		column(list, func(w *w) int64 { return w.Cancelled }),
		column(list, func(w *w) int64 { return w.Late }),
		column(list, func(w *w) string { return encode(w.Answer) }))
	return nil
}

// DropWindows is driver.WindowTx's.
func (t *tx) DropWindows(_ context.Context, ids []int64) error {
	if len(ids) > 0 {
		t.last.Queue(sqlDropReducedOf, ids)
		t.last.Queue(sqlDropWindows, ids)
	}
	return nil
}

// CountLate is driver.WindowTx's. They are sent together.
func (t *tx) CountLate(_ context.Context, list []driver.LateWindow) error {
	for _, l := range list {
		t.last.Queue(sqlCountLate, l.N, l.Start, encode(l.Recipe), encode(l.Key), l.From, l.Until, l.Stream)
	}
	return nil
}

// OldWindows is driver.WindowTx's.
func (t *tx) OldWindows(ctx context.Context, recipe string, after driver.WindowPlace, limit int) ([]driver.OldWindow, error) {
	return collect(driver.ScanOldWindow)(t.conn.Query(ctx, sqlOldWindows, encode(recipe), after.End, after.ID, limit))
}

// WindowStreams is driver.WindowReader's.
func (db *DB) WindowStreams(ctx context.Context, recipe string, limit int) ([]driver.WindowStream, error) {
	if recipe == "" {
		return collect(scanWindowStream)(db.read.Query(ctx, sqlWindowStreams, limit))
	}
	return collect(scanWindowStream)(db.read.Query(ctx, sqlWindowStreamsOf, encode(recipe), limit))
}

// WindowStream is driver.WindowReader's.
func (db *DB) WindowStream(ctx context.Context, id int64) ([]driver.WindowStream, error) {
	return collect(scanWindowStream)(db.read.Query(ctx, sqlWindowStream, id))
}

// OpenWindowStreams is driver.WindowReader's.
func (db *DB) OpenWindowStreams(ctx context.Context) ([]driver.WindowStream, error) {
	return collect(scanWindowStream)(db.read.Query(ctx, sqlOpenStreams))
}

// Windows is driver.WindowReader's.
func (db *DB) Windows(ctx context.Context, q driver.WindowSelect) ([]driver.Window, error) {
	text, args := dialect.Windows(q)
	return collect(scanWindow)(db.read.Query(ctx, numbered(text), encoded(args)...))
}

// Window is driver.WindowReader's.
func (db *DB) Window(ctx context.Context, id int64) ([]driver.Window, error) {
	return collect(scanWindow)(db.read.Query(ctx, sqlWindow, id))
}

// NthWindow is driver.WindowReader's.
func (db *DB) NthWindow(ctx context.Context, recipe string, n int64) ([]driver.WindowPlace, error) {
	return collect(driver.ScanWindowPlace)(db.read.Query(ctx, sqlNthWindow, encode(recipe), n-1))
}
