package store

import (
	"context"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/store/driver"
)

// OutboxRow is a message that a transaction has decided to send.
type OutboxRow = driver.OutboxRow

// OutboxReady receives after a write of this process has put something into the outbox. What other processes write to a shared database
// they drain themselves, unless they die before: look now and then.
func (db *DB) OutboxReady() <-chan struct{} { return db.ready }

// Outbox returns the oldest rows that have not been sent, at most limit.
func (db *DB) Outbox(ctx context.Context, limit int) ([]OutboxRow, error) {
	rows, err := db.database.Outbox(ctx, limit)
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return rows, nil
}

// OutboxPart is what of the outbox is sent in one order.
type OutboxPart = driver.OutboxPart

// The parts of the outbox.
const (
	Announcements = driver.Announcements
	Notices       = driver.Notices
)

// DrainOutbox passes the oldest rows of a part to publish, at most so many, which returns how many of the first ones are sent: those it forgets, also
// when publish fails for the next one. It returns how many those were. Rows are published in the order of their transactions, by one process at a
// time: to the others it says ErrBusy. When a process dies between, its rows are published again.
func (db *DB) DrainOutbox(ctx context.Context, part OutboxPart, most int, publish func(context.Context, []OutboxRow) (int, error)) (int, error) {
	n, err := db.database.Drain(ctx, part, most, publish)
	if err != nil {
		return n, fmt.Errorf("drain outbox: %w", err)
	}
	return n, nil
}
