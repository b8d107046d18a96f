package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// change is a transaction. What many entries add up to is gathered here and written once, at its end.
type change struct {
	tx         driver.Tx
	now        time.Time
	batches    map[string]*batch
	reductions *reductions
	aggregates []aggregate // reductions among them
	outbox     []driver.OutboxRow
}

func (db *DB) change(ctx context.Context, fn func(context.Context, *change) error) error {
	var told bool
	var taken fates
	err := db.database.Write(ctx, func(ctx context.Context, tx driver.Tx) error {
		c := &change{tx: tx, now: db.now().UTC(), batches: map[string]*batch{}, reductions: newReductions(db.bench)}
		windows := newWindows(db.windowBench, c.now)
		c.aggregates = []aggregate{counts{}, c.reductions, &watch{prepared: &db.prepared, now: uptime.InstantOf(c.now)}, windows}
		if err := fn(ctx, c); err != nil {
			return err
		}
		if err := c.flush(ctx); err != nil {
			return err
		}
		told, taken = len(c.outbox) > 0, windows.fates
		return nil
	})
	if err == nil {
		db.windowCounts.add(taken)
	}
	if err == nil && told {
		select {
		case db.ready <- struct{}{}:
		default:
		}
	}
	return err
}

// loadBatches gets batches for change; they exist from their first mention.
func (c *change) loadBatches(ctx context.Context, names []string) error {
	list, err := c.tx.Batches(ctx, names, driver.Nanos(c.now))
	for _, b := range list {
		c.batches[b.Name()] = &batch{Batch: b}
	}
	return err
}

// settle announces the batch's end if it has come.
func (c *change) settle(ctx context.Context, b *batch) error {
	if !b.settle(c.now) {
		return nil
	}
	return c.announce(ctx, b)
}

// announce writes the end of a batch as everybody will see it.
func (c *change) announce(ctx context.Context, b *batch) error {
	b.Updated = c.now
	told := b.Batch.Batch
	var err error
	if told.Reduced, err = c.reductions.answers(ctx, c.tx, b.Num); err != nil {
		return fmt.Errorf("batch %s: %w", b.Name(), err)
	}
	data, err := json.Marshal(told)
	if err != nil {
		return err
	}
	c.outbox = append(c.outbox, driver.OutboxRow{Subject: events.SubjectBatchDone, MsgID: b.announcement(), Type: events.TypeBatchDone, Data: data})
	return nil
}

// flush writes what was gathered.
func (c *change) flush(ctx context.Context) error {
	var dirty []driver.Batch
	for _, b := range c.batches {
		if b.dirty {
			dirty = append(dirty, b.Batch)
		}
	}
	if err := c.tx.UpdateBatches(ctx, dirty, driver.Nanos(c.now)); err != nil {
		return err
	}
	for _, a := range c.aggregates {
		rows, err := a.flush(ctx, c.tx)
		if err != nil {
			return fmt.Errorf("%T: %w", a, err)
		}
		c.outbox = append(c.outbox, rows...)
	}
	return c.tx.PutOutbox(ctx, c.outbox)
}
