package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fetchmill/fetchmill/internal/store/driver"
)

// transactionTime is how long a transaction may take, waiting for the others included. A server that has vanished is noticed then.
const transactionTime = time.Minute

// Write is driver.Database's. The row that it locks first makes transactions follow each other, and so numbers grow with them.
func (db *DB) Write(ctx context.Context, fn func(context.Context, driver.Tx) error) error {
	return db.transaction(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		t := &tx{conn: conn, last: &pgx.Batch{}}
		first := &pgx.Batch{}
		first.Queue(sqlBegin)
		first.Queue(sqlLock).QueryRow(func(row pgx.Row) error { return row.Scan(&t.seq) })
		if err := conn.SendBatch(ctx, first).Close(); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		if err := fn(ctx, t); err != nil {
			return err
		}
		if t.taken {
			t.last.Queue(sqlSaveLast, t.seq)
		}
		t.last.Queue(sqlCommit)
		if err := conn.SendBatch(ctx, t.last).Close(); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
		return nil
	})
}

// transaction gives fn a connection, which is lost if fn leaves a transaction open: that rolls it back.
func (db *DB) transaction(ctx context.Context, fn func(context.Context, *pgxpool.Conn) error) error {
	switch {
	case db.closed.Load():
		return driver.ErrClosed
	case db.write == nil:
		return driver.ErrReadOnly
	}
	ctx, cancel := context.WithTimeout(ctx, transactionTime)
	defer cancel()
	conn, err := db.write.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	err = fn(ctx, conn)
	if err != nil && !conn.Conn().IsClosed() {
		_, _ = conn.Exec(ctx, sqlRollback) // where it cannot, the pool closes the connection, with the same effect
	}
	return err
}

// Drain is driver.Database's. It has a transaction open while it publishes, whose lock makes it the only one; when its process dies, so
// does the transaction, and the next process begins again.
func (db *DB) Drain(ctx context.Context, part driver.OutboxPart, most int, publish func(context.Context, []driver.OutboxRow) (int, error)) (n int, err error) {
	var sendErr error
	err = db.transaction(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		if _, err := conn.Exec(ctx, sqlBegin); err != nil {
			return err
		}
		var turn bool
		if err := conn.QueryRow(ctx, sqlTakeDrain).Scan(&turn); err != nil {
			if errors.Is(err, pgx.ErrNoRows) {
				return driver.ErrBusy
			}
			return err
		}
		rows, err := collect(driver.ScanOutbox)(conn.Query(ctx, sqlOutboxColumns+part.Where()+sqlOutboxOrder, most))
		if err != nil {
			return err
		}
		ids := make([]int64, len(rows))
		for i, o := range rows {
			ids[i], rows[i].Data = o.ID, []byte(decode(string(o.Data)))
		}
		if len(rows) > 0 {
			if n, sendErr = publish(ctx, rows); n == 0 && sendErr != nil {
				return sendErr
			}
		}
		last := &pgx.Batch{}
		last.Queue(sqlDropOutbox, ids[:n])
		last.Queue(sqlCommit)
		return conn.SendBatch(ctx, last).Close()
	})
	if err != nil {
		return 0, err
	}
	return n, sendErr
}
