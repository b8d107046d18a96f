package store

import (
	"context"
	"fmt"
)

// OutboxRow is a message that a transaction has decided to send.
type OutboxRow struct {
	ID      int64
	Subject string
	MsgID   string
	Type    string // CloudEvents type
	Data    []byte
}

// Outbox returns the oldest rows that have not been sent, at most limit.
func (db *DB) Outbox(ctx context.Context, limit int) ([]OutboxRow, error) {
	rows, err := db.read.QueryContext(ctx, sqlOutbox, limit)
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var out []OutboxRow
	for rows.Next() {
		var o OutboxRow
		if err := rows.Scan(&o.ID, &o.Subject, &o.MsgID, &o.Type, &o.Data); err != nil {
			return nil, fmt.Errorf("read outbox: %w", err)
		}
		out = append(out, o)
	}
	return out, rows.Err()
}

// OutboxDone forgets rows that have been sent.
func (db *DB) OutboxDone(ctx context.Context, ids []int64) error {
	err := db.write(ctx, func(ctx context.Context, w *writer) error {
		for _, id := range ids {
			if _, err := w.drop.ExecContext(ctx, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("clear outbox: %w", err)
	}
	return nil
}
