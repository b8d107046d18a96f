package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/store/driver"
)

const (
	sqlWindowStream     = `SELECT ` + driver.WindowStreamColumns + `, ` + driver.NextEnd + ` FROM window_streams s WHERE id = ?`
	sqlWindowStreams    = `SELECT ` + driver.WindowStreamColumns + `, ` + driver.NextEnd + ` FROM window_streams s ORDER BY recipe, id DESC LIMIT ?`
	sqlWindowStreamsOf  = `SELECT ` + driver.WindowStreamColumns + `, ` + driver.NextEnd + ` FROM window_streams s WHERE recipe = ? ORDER BY id DESC LIMIT ?`
	sqlOpenStreams      = `SELECT ` + driver.WindowStreamColumns + `, ` + driver.NextEnd + ` FROM window_streams s WHERE ` + driver.HasOpen
	sqlLoadStreams      = `SELECT ` + driver.WindowStreamColumns + `, 0 FROM window_streams WHERE recipe = ?`
	sqlSaveWindowStream = `INSERT INTO window_streams (` + driver.WindowStreamColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET watermark = excluded.watermark, sources = excluded.sources, counted = excluded.counted,
			late = excluded.late, skipped = excluded.skipped`

	sqlOpenWindows = `SELECT ` + driver.WindowColumns + `, answer FROM windows INDEXED BY windows_open
		WHERE open = 1 AND stream = ? AND key = ? AND end_at > ? AND start_at < ?`
	sqlDueWindows = `SELECT ` + driver.WindowColumns + `, answer FROM windows INDEXED BY windows_due
		WHERE open = 1 AND stream = ? AND end_at <= ? ORDER BY end_at, id LIMIT ?`
	sqlSaveWindow = `INSERT INTO windows (` + driver.WindowColumns + `, answer) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET start_at = excluded.start_at, end_at = excluded.end_at, open = excluded.open, closed = excluded.closed,
			ok = excluded.ok, failed = excluded.failed, cancelled = excluded.cancelled, late = excluded.late, answer = excluded.answer`
	sqlDropWindow = `DELETE FROM windows WHERE id = ?`
	sqlCountLate  = `UPDATE windows SET late = late + ? WHERE start_at <= ? AND id = (SELECT id FROM windows INDEXED BY windows_key
		WHERE recipe = ? AND key = ? AND open = 0 AND end_at >= ? AND end_at <= ? AND stream = ? ORDER BY end_at, id LIMIT 1)`
	sqlOldWindows = `SELECT end_at, id, closed FROM windows INDEXED BY windows_recipe
		WHERE recipe = ? AND open = 0 AND (end_at, id) > (?, ?) ORDER BY end_at, id LIMIT ?`
	sqlNthWindow = `SELECT end_at, id FROM windows INDEXED BY windows_recipe WHERE recipe = ? AND open = 0 ORDER BY end_at DESC, id DESC LIMIT 1 OFFSET ?`
	sqlWindow    = `SELECT ` + driver.WindowColumns + `, answer FROM windows WHERE id = ?`
)

// LoadWindowStreams is driver.WindowTx's.
func (t tx) LoadWindowStreams(ctx context.Context, recipes []string) (all []driver.WindowStream, err error) {
	for _, recipe := range recipes {
		some, err := list(ctx, t.conn, driver.ScanWindowStream, sqlLoadStreams, recipe)
		if err != nil {
			return nil, fmt.Errorf("load streams of windows: %w", err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// LoadWindowStream is driver.WindowTx's.
func (t tx) LoadWindowStream(ctx context.Context, id int64) ([]driver.WindowStream, error) {
	return list(ctx, t.conn, driver.ScanWindowStream, sqlWindowStream, id)
}

// SaveWindowStreams is driver.WindowTx's.
func (t tx) SaveWindowStreams(ctx context.Context, streams []driver.WindowStream) error {
	for i := range streams {
		s := &streams[i]
		_, err := t.conn.ExecContext(ctx, sqlSaveWindowStream, s.ID, s.Recipe, s.Spec, s.Watermark, s.Sources, s.Counted, s.Late, s.Skipped)
		if err != nil {
			return fmt.Errorf("save a stream of windows: %w", err)
		}
	}
	return nil
}

// OpenWindows is driver.WindowTx's.
func (t tx) OpenWindows(ctx context.Context, ranges []driver.WindowRange) (all []driver.Window, err error) {
	for _, r := range ranges {
		some, err := t.openWindowsIn(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("load windows: %w", err)
		}
		all = append(all, some...)
	}
	return all, nil
}

func (t tx) openWindowsIn(ctx context.Context, r driver.WindowRange) ([]driver.Window, error) {
	rows, err := t.openWindows.QueryContext(ctx, r.Stream, r.Key, r.After, r.Before)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	all, err := driver.Collect(rows, driver.ScanWindow)
	return all, errors.Join(err, rows.Err())
}

// DueWindows is driver.WindowTx's.
func (t tx) DueWindows(ctx context.Context, stream, until int64, limit int) ([]driver.Window, error) {
	return list(ctx, t.conn, driver.ScanWindow, sqlDueWindows, stream, until, limit)
}

// SaveWindows is driver.WindowTx's.
func (t tx) SaveWindows(ctx context.Context, windows []driver.Window) error {
	for i := range windows {
		w := &windows[i]
		_, err := t.saveWindow.ExecContext(ctx, w.ID, w.Stream, w.Recipe, w.Kind, w.Key, w.Start, w.End, driver.OpenFlag(w.Open), w.Closed,
			w.OK, w.Failed, w.Cancelled, w.Late, w.Answer)
		if err != nil {
			return fmt.Errorf("save a window: %w", err)
		}
	}
	return nil
}

// DropWindows is driver.WindowTx's.
func (t tx) DropWindows(ctx context.Context, ids []int64) error {
	for _, id := range ids {
		if _, err := t.conn.ExecContext(ctx, sqlDropWindow, id); err != nil {
			return fmt.Errorf("drop a window: %w", err)
		}
	}
	return t.DropReductions(ctx, ids)
}

// CountLate is driver.WindowTx's.
func (t tx) CountLate(ctx context.Context, late []driver.LateWindow) error {
	for _, l := range late {
		if _, err := t.conn.ExecContext(ctx, sqlCountLate, l.N, l.Start, l.Recipe, l.Key, l.From, l.Until, l.Stream); err != nil {
			return fmt.Errorf("count what was late: %w", err)
		}
	}
	return nil
}

// OldWindows is driver.WindowTx's.
func (t tx) OldWindows(ctx context.Context, recipe string, after driver.WindowPlace, limit int) ([]driver.OldWindow, error) {
	return list(ctx, t.conn, driver.ScanOldWindow, sqlOldWindows, recipe, after.End, after.ID, limit)
}

// WindowStreams is driver.WindowReader's.
func (db *DB) WindowStreams(ctx context.Context, recipe string, limit int) ([]driver.WindowStream, error) {
	if recipe == "" {
		return list(ctx, db.read, driver.ScanWindowStream, sqlWindowStreams, limit)
	}
	return list(ctx, db.read, driver.ScanWindowStream, sqlWindowStreamsOf, recipe, limit)
}

// WindowStream is driver.WindowReader's.
func (db *DB) WindowStream(ctx context.Context, id int64) ([]driver.WindowStream, error) {
	return list(ctx, db.read, driver.ScanWindowStream, sqlWindowStream, id)
}

// OpenWindowStreams is driver.WindowReader's.
func (db *DB) OpenWindowStreams(ctx context.Context) ([]driver.WindowStream, error) {
	return list(ctx, db.read, driver.ScanWindowStream, sqlOpenStreams)
}

// Windows is driver.WindowReader's.
func (db *DB) Windows(ctx context.Context, q driver.WindowSelect) ([]driver.Window, error) {
	text, args := dialect.Windows(q)
	return list(ctx, db.read, driver.ScanWindow, text, args...)
}

// Window is driver.WindowReader's.
func (db *DB) Window(ctx context.Context, id int64) ([]driver.Window, error) {
	return list(ctx, db.read, driver.ScanWindow, sqlWindow, id)
}

// NthWindow is driver.WindowReader's.
func (db *DB) NthWindow(ctx context.Context, recipe string, n int64) ([]driver.WindowPlace, error) {
	return list(ctx, db.read, driver.ScanWindowPlace, sqlNthWindow, recipe, n-1)
}
