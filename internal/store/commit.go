package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Commit puts entries into the database in one transaction, in their order, and tells what came of each. After an error nothing of
// it can be relied on, and committing the same entries again is right.
func (db *DB) Commit(ctx context.Context, entries []Entry) ([]Outcome, error) {
	for _, e := range entries {
		if err := e.Validate(); err != nil {
			return nil, err
		}
	}
	outcomes := make([]Outcome, len(entries))
	err := db.change(ctx, func(ctx context.Context, c *change) error {
		for i, e := range entries {
			var err error
			if e.Record != nil {
				err = c.addRecord(ctx, e.Record)
			} else {
				outcomes[i], err = c.addResult(ctx, e.Result)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("commit %d entries: %w", len(entries), err)
	}
	return outcomes, nil
}

// change is a transaction that changes results and batches. What many entries add up to is gathered here and written once.
type change struct {
	w       *writer
	now     time.Time
	batches map[string]*batch
	counts  map[countKey]int64
	ends    []OutboxRow
}

type countKey struct {
	batch  int64 // 0 for all results
	recipe string
	status events.Status
	reason events.Reason
}

func (db *DB) change(ctx context.Context, fn func(context.Context, *change) error) error {
	var told bool
	err := db.write(ctx, func(ctx context.Context, w *writer) error {
		c := &change{w: w, now: w.now().UTC(), batches: map[string]*batch{}, counts: map[countKey]int64{}}
		if err := fn(ctx, c); err != nil {
			return err
		}
		told = len(c.ends) > 0
		return c.flush(ctx)
	})
	if err == nil && told {
		select {
		case db.ready <- struct{}{}:
		default:
		}
	}
	return err
}

func (c *change) addRecord(ctx context.Context, r *events.BatchRecord) error {
	b, err := c.batch(ctx, r.Batch)
	if err != nil {
		return err
	}
	b.record(r)
	return c.settle(b)
}

func (c *change) addResult(ctx context.Context, r *events.Result) (Outcome, error) {
	var b *batch
	var num sql.NullInt64
	if r.Batch != "" {
		var err error
		if b, err = c.batch(ctx, r.Batch); err != nil {
			return Outcome{}, err
		}
		b.adopt(r.Recipe)
		num = sql.NullInt64{Int64: b.num, Valid: true}
	}
	isNew, err := c.insert(ctx, r, num)
	if err != nil {
		return Outcome{}, fmt.Errorf("insert result %s: %w", r.ID, err)
	}
	if isNew {
		c.counts[countKey{0, r.Recipe, r.Status, r.Reason}]++
		return Outcome{New: true, Result: asStored(r)}, c.countIn(b, r)
	}
	stored, err := scanResult(c.w.resultByID.QueryRowContext(ctx, r.ID))
	if err != nil {
		return Outcome{}, fmt.Errorf("read result %s: %w", r.ID, err)
	}
	out := Outcome{Result: &stored.Result}
	if b == nil || b.num == stored.batch.Int64 {
		return out, nil
	}
	isNew, err = c.inserted(ctx, c.w.borrow, c.nextSeq(), b.num, r.Index, stored.seq)
	if err != nil {
		return Outcome{}, fmt.Errorf("count result %s in batch %s: %w", r.ID, r.Batch, err)
	}
	if isNew {
		return out, c.countIn(b, out.Result)
	}
	return out, nil
}

// countIn counts a result in a batch, if there is one.
func (c *change) countIn(b *batch, r *events.Result) error {
	if b == nil {
		return nil
	}
	c.counts[countKey{b.num, r.Recipe, r.Status, r.Reason}]++
	b.count(r.Status)
	return c.settle(b)
}

func (c *change) insert(ctx context.Context, r *events.Result, batch sql.NullInt64) (bool, error) {
	var value, fetch sql.NullString
	if len(r.Value) > 0 {
		value = sql.NullString{String: string(r.Value), Valid: true}
	}
	if r.Fetch != nil {
		text, err := json.Marshal(r.Fetch)
		if err != nil {
			return false, err
		}
		fetch = sql.NullString{String: string(text), Valid: true}
	}
	return c.inserted(ctx, c.w.insertResult, c.nextSeq(), r.ID, r.Recipe, batch, r.Index, r.Key, string(r.Status), string(r.Reason), r.Error,
		r.Attempts, value, fetch, nanos(r.Submitted), nanos(r.Finished))
}

// nextSeq numbers rows here and not in SQLite, because two tables share the sequence. It may leave gaps.
func (c *change) nextSeq() int64 {
	c.w.lastSeq++
	return c.w.lastSeq
}

func (c *change) inserted(ctx context.Context, stmt *sql.Stmt, args ...any) (bool, error) {
	res, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// batch returns a batch for change; it exists from its first mention.
func (c *change) batch(ctx context.Context, name string) (*batch, error) {
	if b, ok := c.batches[name]; ok {
		return b, nil
	}
	b, err := scanBatch(c.w.batchByName.QueryRowContext(ctx, name))
	if errors.Is(err, sql.ErrNoRows) {
		if _, err = c.w.insertBatch.ExecContext(ctx, name, nanos(c.now), nanos(c.now)); err == nil {
			b, err = scanBatch(c.w.batchByName.QueryRowContext(ctx, name))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("batch %s: %w", name, err)
	}
	c.batches[name] = b
	return b, nil
}

// settle announces the batch's end if it has come.
func (c *change) settle(b *batch) error {
	if !b.settle(c.now) {
		return nil
	}
	return c.announce(b)
}

func (c *change) announce(b *batch) error {
	b.Updated = c.now
	data, err := json.Marshal(b.Batch)
	if err != nil {
		return err
	}
	c.ends = append(c.ends, OutboxRow{Subject: events.SubjectBatchDone, MsgID: b.announcement(), Type: events.TypeBatchDone, Data: data})
	return nil
}

// flush writes what was gathered.
func (c *change) flush(ctx context.Context) error {
	for _, b := range c.batches {
		if !b.dirty {
			continue
		}
		if _, err := c.w.updateBatch.ExecContext(ctx, b.Recipe, string(b.State), b.cancel, b.announced, b.Total, b.OK, b.Failed, b.Cancelled,
			nanos(c.now), nanos(b.Finished), b.num); err != nil {
			return fmt.Errorf("update batch %s: %w", b.Batch.Batch, err)
		}
	}
	for k, n := range c.counts {
		if _, err := c.w.addCount.ExecContext(ctx, k.batch, k.recipe, string(k.status), string(k.reason), n); err != nil {
			return fmt.Errorf("update counts: %w", err)
		}
	}
	for _, o := range c.ends {
		if _, err := c.w.putOutbox.ExecContext(ctx, o.Subject, o.MsgID, o.Type, string(o.Data)); err != nil {
			return fmt.Errorf("write outbox: %w", err)
		}
	}
	return nil
}
