package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/fetchmill/fetchmill/internal/reduce"
	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/internal/window"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// closeAtOnce bounds a transaction of CloseWindows, so that results do not wait long behind it.
const closeAtOnce = 50

// CloseWindows judges which sources are silent, closes windows for which nothing more is expected, at most so many that others do not wait
// long, and tells whether there are more. They are announced through the outbox, in the transaction that closes them. since is from when on
// somebody has listened without interruption: silence before is nobody's.
func (db *DB) CloseWindows(ctx context.Context, now, since time.Time) (closed int, more bool, err error) {
	streams, err := db.database.OpenWindowStreams(ctx)
	if err != nil {
		return 0, false, fmt.Errorf("close windows: %w", err)
	}
	for i := range streams {
		s := &streams[i]
		plan := db.windowBench.plan(s.Spec)
		if plan == nil {
			return closed, false, fmt.Errorf("close windows of recipe %s: %w", s.Recipe, window.ErrSpec)
		}
		due, err := tick(s, plan, now, since) // a look, to write only if there is something to do
		if err != nil {
			return closed, false, err
		}
		if !due {
			continue
		}
		n, err := db.closeWindows(ctx, s.ID, plan, now, since)
		if err != nil {
			return closed, false, fmt.Errorf("close windows of recipe %s: %w", s.Recipe, err)
		}
		closed += n
		more = more || n == closeAtOnce
	}
	return closed, more, nil
}

// tick judges silence and tells whether there is anything to write.
func tick(s *driver.WindowStream, plan *window.Plan, now, since time.Time) (bool, error) {
	p, err := progressOf(s)
	if err != nil {
		return false, err
	}
	changed := p.Tick(&plan.Spec, now.UnixMilli(), since.UnixMilli(), s.NextEnd)
	return changed || p.Closed(s.NextEnd), putProgress(s, p)
}

func (db *DB) closeWindows(ctx context.Context, id int64, plan *window.Plan, now, since time.Time) (n int, err error) {
	err = db.change(ctx, func(ctx context.Context, c *change) error {
		n = 0
		list, err := c.tx.LoadWindowStream(ctx, id)
		if err != nil || len(list) == 0 {
			return err
		}
		s := &list[0]
		if _, err := tick(s, plan, now, since); err != nil {
			return err
		}
		due, err := c.tx.DueWindows(ctx, id, s.Watermark, closeAtOnce)
		if err != nil {
			return err
		}
		ids := make([]int64, len(due))
		for i := range due {
			if err := c.close(ctx, plan, &due[i], now); err != nil {
				return fmt.Errorf("window %d: %w", due[i].ID, err)
			}
			ids[i] = due[i].ID
		}
		if err := c.tx.SaveWindowStreams(ctx, list); err != nil {
			return err
		}
		if err := c.tx.SaveWindows(ctx, due); err != nil {
			return err
		}
		n = len(due)
		return c.tx.DropReductions(ctx, ids)
	})
	if err != nil {
		return 0, err
	}
	db.windowCounts.add(fates{closed: int64(n)})
	return n, nil
}

// close writes the answer into a window and announces it.
func (c *change) close(ctx context.Context, plan *window.Plan, w *driver.Window, now time.Time) error {
	w.Open, w.Closed = false, now.UnixMilli()
	answers, err := windowAnswers(ctx, c.tx, plan.Reductions, w.ID)
	if err != nil {
		return err
	}
	told := windowOf(w)
	told.Reduced, told.Late = answers, 0 // what comes late may come later, too
	if answers != nil {
		text, err := json.Marshal(answers)
		if err != nil {
			return err
		}
		w.Answer = string(text)
	}
	data, err := json.Marshal(told)
	if err != nil {
		return err
	}
	// The id is made of what the window is, so that it is the same whoever closes it.
	mark := xxhash.Sum64String(plan.Text() + "\x00" + w.Key)
	c.outbox = append(c.outbox, driver.OutboxRow{
		Subject: events.SubjectWindowClosed, Type: events.TypeWindow, Data: data,
		MsgID: fmt.Sprintf("window.%s.%016x.%d.%d", w.Recipe, mark, w.Start, w.End),
	})
	return nil
}

// windowAnswers are those of an open window; nil if it has no reductions.
func windowAnswers(ctx context.Context, r driver.ReducedReader, plan *reduce.Plan, id int64) ([]events.Reduced, error) {
	if plan == nil {
		return nil, nil
	}
	rows, err := r.Reduced(ctx, id)
	if err != nil {
		return nil, err
	}
	t, err := plan.Load(reducedRows(rows))
	if err != nil {
		return nil, err
	}
	return reduce.Fit(t.Answer(), mostReduced), nil
}

// windowOf is a window as everybody sees it, without its answers.
func windowOf(w *driver.Window) events.Window {
	told := events.Window{
		ID: strconv.FormatInt(w.ID, 10), Recipe: w.Recipe, Kind: events.WindowKind(w.Kind), Key: w.Key,
		Start: instant(w.Start), End: instant(w.End), State: events.WindowClosed,
		OK: w.OK, Failed: w.Failed, Cancelled: w.Cancelled, Late: w.Late,
	}
	if w.Open {
		told.State = events.WindowOpen
	} else {
		told.Closed = instant(w.Closed)
	}
	return told
}

func instant(ms int64) time.Time {
	if ms == math.MinInt64 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// fates is what became of results, and how many windows were closed.
type fates struct{ counted, late, skipped, closed int64 }

// windowCounts counts that since the database was opened.
type windowCounts struct{ counted, late, skipped, closed atomic.Int64 }

func (c *windowCounts) add(f fates) {
	c.counted.Add(f.counted)
	c.late.Add(f.late)
	c.skipped.Add(f.skipped)
	c.closed.Add(f.closed)
}

// WindowCounts tells what this process has done about windows since it has opened the database.
type WindowCounts struct {
	Counted, Late, Skipped int64 // results
	Closed                 int64 // windows
}

// WindowCounts tells what this process has done about windows.
func (db *DB) WindowCounts() WindowCounts {
	c := &db.windowCounts
	return WindowCounts{c.counted.Load(), c.late.Load(), c.skipped.Load(), c.closed.Load()}
}
