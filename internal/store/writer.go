package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// writer is the one connection that writes, with its prepared statements. seat holds a token while somebody uses it.
type writer struct {
	db      *sql.DB
	conn    *sql.Conn
	seat    chan struct{}
	now     func() time.Time
	lastSeq int64

	insertResult, resultByID, borrow       *sql.Stmt
	insertBatch, updateBatch, batchByName  *sql.Stmt
	batchesIdle, addCount, putOutbox, drop *sql.Stmt
}

func newWriter(ctx context.Context, path string, opts Options) (*writer, error) {
	db, err := openWriter(path, opts)
	if err != nil {
		return nil, err
	}
	w := &writer{db: db, seat: make(chan struct{}, 1), now: opts.Now}
	if err := w.prepare(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return w, nil
}

func (w *writer) prepare(ctx context.Context) (err error) {
	if w.conn, err = w.db.Conn(ctx); err != nil {
		return err
	}
	if err := w.conn.QueryRowContext(ctx, sqlLastSeq).Scan(&w.lastSeq); err != nil {
		return fmt.Errorf("read the last sequence: %w", err)
	}
	for _, s := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&w.insertResult, sqlInsertResult},
		{&w.resultByID, sqlResultByID},
		{&w.borrow, sqlBorrow},
		{&w.insertBatch, sqlInsertBatch},
		{&w.updateBatch, sqlUpdateBatch},
		{&w.batchByName, sqlBatchByName},
		{&w.batchesIdle, sqlBatchesIdle},
		{&w.addCount, sqlAddCount},
		{&w.putOutbox, sqlPutOutbox},
		{&w.drop, sqlDeleteOutbox},
	} {
		if *s.stmt, err = w.conn.PrepareContext(ctx, s.text); err != nil { //nolint:sqlclosecheck // statements end with their connection
			return fmt.Errorf("prepare %s: %w", s.text, err)
		}
	}
	return nil
}

// close waits for the write that is running and keeps its seat.
func (w *writer) close() error {
	w.seat <- struct{}{}
	return errors.Join(w.conn.Close(), w.db.Close())
}

// write runs fn in a transaction. ctx can end the wait for the connection, not the transaction: it is short, and
// cancelling it would only make its outcome uncertain.
func (db *DB) write(ctx context.Context, fn func(context.Context, *writer) error) error {
	w := db.writer
	if w == nil {
		return ErrReadOnly
	}
	select {
	case w.seat <- struct{}{}:
	case <-db.closed:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-w.seat }()
	ctx = context.WithoutCancel(ctx)
	if _, err := w.conn.ExecContext(ctx, sqlBegin); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := fn(ctx, w); err != nil {
		w.rollback(ctx)
		return err
	}
	if _, err := w.conn.ExecContext(ctx, sqlCommit); err != nil {
		w.rollback(ctx)
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// rollback fails when SQLite has rolled back by itself, as it does when the disk is full; then there is nothing left to do.
func (w *writer) rollback(ctx context.Context) { _, _ = w.conn.ExecContext(ctx, sqlRollback) }
