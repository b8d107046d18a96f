package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/store/driver"
)

// writer is the one connection that writes, with its prepared statements. seat holds a token while somebody uses it.
type writer struct {
	db   *sql.DB
	conn *sql.Conn
	seat chan struct{}

	last, saved int64 // of the sequence; saved is what the database has

	saveLast, insert, stored, borrow    *sql.Stmt
	makeBatch, updateBatch, batchByName *sql.Stmt
	addCount, putOutbox, dropOutbox     *sql.Stmt
	reducedRow, putReduced              *sql.Stmt
	deleteLoans, deleteResult           *sql.Stmt
	openWindows, saveWindow             *sql.Stmt

	target, saveState, bucket, saveBucket *sql.Stmt

	prepared []*sql.Stmt // all of them
}

func newWriter(ctx context.Context, path string, opts Options) (*writer, error) {
	db, err := openWriter(path, opts)
	if err != nil {
		return nil, err
	}
	w := &writer{db: db, seat: make(chan struct{}, 1)}
	if err := w.prepare(ctx); err != nil {
		return nil, errors.Join(err, w.release())
	}
	return w, nil
}

func (w *writer) prepare(ctx context.Context) (err error) {
	if w.conn, err = w.db.Conn(ctx); err != nil {
		return err
	}
	if err := w.conn.QueryRowContext(ctx, sqlLast).Scan(&w.last); err != nil {
		return fmt.Errorf("read the last sequence: %w", err)
	}
	w.saved = w.last
	for _, s := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&w.saveLast, sqlSaveLast},
		{&w.insert, sqlInsert},
		{&w.stored, sqlStored},
		{&w.borrow, sqlBorrow},
		{&w.makeBatch, sqlMakeBatch},
		{&w.updateBatch, sqlUpdateBatch},
		{&w.batchByName, sqlBatchByName},
		{&w.addCount, sqlAddCount},
		{&w.deleteLoans, sqlDeleteLoans},
		{&w.deleteResult, sqlDeleteResult},
		{&w.putOutbox, sqlPutOutbox},
		{&w.dropOutbox, sqlDropOutbox},
		{&w.target, sqlTarget},
		{&w.saveState, sqlSaveState},
		{&w.bucket, sqlBucket},
		{&w.saveBucket, sqlSaveBucket},
		{&w.reducedRow, sqlReducedRow},
		{&w.putReduced, sqlPutReduced},
		{&w.openWindows, sqlOpenWindows},
		{&w.saveWindow, sqlSaveWindow},
	} {
		if *s.stmt, err = w.conn.PrepareContext(ctx, s.text); err != nil { //nolint:sqlclosecheck // by release
			return fmt.Errorf("prepare %s: %w", s.text, err)
		}
		w.prepared = append(w.prepared, *s.stmt)
	}
	return nil
}

// close waits for the write that is running and keeps its seat.
func (w *writer) close() error {
	w.seat <- struct{}{}
	return w.release()
}

// release closes the statements before their connection: SQLite would keep that open for them, and the log beside the file.
func (w *writer) release() error {
	var errs []error
	for _, stmt := range w.prepared {
		errs = append(errs, stmt.Close())
	}
	if w.conn != nil {
		errs = append(errs, w.conn.Close())
	}
	return errors.Join(append(errs, w.db.Close())...)
}

// Write is driver.Database's. ctx does not end the transaction itself: it is short, and cancelling it would only make its outcome uncertain.
func (db *DB) Write(ctx context.Context, fn func(context.Context, driver.Tx) error) error {
	return db.write(ctx, func(ctx context.Context, w *writer) error { return fn(ctx, tx{w}) })
}

func (db *DB) write(ctx context.Context, fn func(context.Context, *writer) error) error {
	w := db.writer
	if w == nil {
		return driver.ErrReadOnly
	}
	select {
	case w.seat <- struct{}{}:
	case <-db.closed:
		return driver.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-w.seat }()
	ctx = context.WithoutCancel(ctx)
	if _, err := w.conn.ExecContext(ctx, sqlBegin); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	ended := false
	defer func() {
		if !ended { // fn has panicked, and whoever recovers must not find a transaction open
			w.rollback(ctx)
		}
	}()
	err := fn(ctx, w)
	ended = true
	if err == nil && w.last != w.saved {
		_, err = w.saveLast.ExecContext(ctx, w.last)
	}
	if err != nil {
		w.rollback(ctx)
		return err
	}
	if _, err := w.conn.ExecContext(ctx, sqlCommit); err != nil {
		w.rollback(ctx)
		return fmt.Errorf("commit: %w", err)
	}
	w.saved = w.last
	return nil
}

// rollback fails when SQLite has rolled back by itself, as it does when the disk is full; then there is nothing left to do.
func (w *writer) rollback(ctx context.Context) { _, _ = w.conn.ExecContext(ctx, sqlRollback) }
