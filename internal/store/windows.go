package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/fetchmill/fetchmill/internal/reduce"
	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/internal/window"
)

// windows is the aggregate of windows of time. A commit takes results into windows and moves the watermarks on; which windows are closed
// by that follows from the watermark alone, so closing them, which takes time where there are many, is done afterwards, in steps (CloseWindows).
type windows struct {
	bench  *windowBench
	now    int64
	boards map[streamKey]*board
	fates  fates
}

// streamKey tells streams apart.
type streamKey struct{ recipe, spec string }

// board is a stream with those of its windows that a transaction may change.
type board struct {
	driver.WindowStream
	*window.Board
	taken bool // whether anything was added
}

func newWindows(b *windowBench, now time.Time) *windows {
	return &windows{bench: b, now: now.UnixMilli(), boards: map[streamKey]*board{}}
}

// windowedNew calls do for each new result that has windows.
func windowedNew(counted []*news, do func(n *news, key streamKey)) {
	for _, n := range counted {
		if n != nil && n.isNew && n.window != nil {
			do(n, streamKey{n.Recipe, n.window.plan.Text()})
		}
	}
}

func (a *windows) load(ctx context.Context, tx driver.Tx, counted []*news) error {
	plans := map[streamKey]*window.Plan{}
	recipes := map[string]bool{}
	windowedNew(counted, func(n *news, key streamKey) { plans[key], recipes[n.Recipe] = n.window.plan, true })
	if len(plans) == 0 {
		return nil
	}
	stored, err := tx.LoadWindowStreams(ctx, slices.Sorted(maps.Keys(recipes)))
	if err != nil {
		return err
	}
	byID := map[int64]*board{}
	for _, s := range stored {
		key := streamKey{s.Recipe, s.Spec}
		if plans[key] == nil {
			continue
		}
		b, err := newBoard(plans[key], s)
		if err != nil {
			return err
		}
		a.boards[key], byID[s.ID] = b, b
	}
	for key, plan := range plans {
		if a.boards[key] == nil {
			s := driver.WindowStream{ID: tx.Take(1) + 1, Recipe: key.recipe, Spec: key.spec, Watermark: window.Unknown, Sources: "{}"}
			if a.boards[key], err = newBoard(plan, s); err != nil {
				return err
			}
		}
	}
	open, err := tx.OpenWindows(ctx, a.ranges(counted))
	if err != nil {
		return err
	}
	for _, w := range open {
		byID[w.Stream].Put(&window.Pane{
			ID: w.ID, Key: w.Key, Span: window.Span{Start: w.Start, End: w.End}, OK: w.OK, Failed: w.Failed, Cancelled: w.Cancelled, Late: w.Late,
		})
	}
	return nil
}

func newBoard(p *window.Plan, s driver.WindowStream) (*board, error) {
	progress, err := progressOf(&s)
	if err != nil {
		return nil, err
	}
	return &board{WindowStream: s, Board: window.NewBoard(p, progress)}, nil
}

func progressOf(s *driver.WindowStream) (*window.Progress, error) {
	p := window.NewProgress()
	p.Watermark = s.Watermark
	if err := json.Unmarshal([]byte(s.Sources), &p.Sources); err != nil {
		return nil, fmt.Errorf("read the sources of the windows of recipe %s: %w", s.Recipe, err)
	}
	return p, nil
}

// put writes progress into the stream.
func putProgress(s *driver.WindowStream, p *window.Progress) error {
	data, err := json.Marshal(p.Sources)
	if err != nil {
		return fmt.Errorf("encode the sources of the windows of recipe %s: %w", s.Recipe, err)
	}
	s.Watermark, s.Sources = p.Watermark, string(data)
	return nil
}

// ranges says which stored windows the results may belong to: those of their keys between the first and the last of their times.
func (a *windows) ranges(counted []*news) []driver.WindowRange {
	type key struct {
		stream int64
		key    string
	}
	place := map[key]int{}
	var list []driver.WindowRange
	windowedNew(counted, func(n *news, of streamKey) {
		j := &n.window.judgement
		if j.Skipped {
			return
		}
		reach := n.window.plan.Reach(j.At)
		k := key{a.boards[of].ID, j.Key}
		i, known := place[k]
		if !known {
			i, place[k] = len(list), len(list)
			list = append(list, driver.WindowRange{Stream: k.stream, Key: k.key, After: math.MaxInt64, Before: math.MinInt64})
		}
		r := &list[i]
		r.After, r.Before = min(r.After, j.At), max(r.Before, reach.End)
	})
	return list
}

func (a *windows) add(n *news) {
	if !n.isNew || n.window == nil {
		return
	}
	b := a.boards[streamKey{n.Recipe, n.window.plan.Text()}]
	b.taken = true
	switch b.Add(n.window.judgement, a.now) {
	case window.Counted:
		b.Counted++
		a.fates.counted++
	case window.Late:
		b.Late++
		a.fates.late++
	case window.Skipped:
		b.Skipped++
		a.fates.skipped++
	}
}

func (a *windows) flush(ctx context.Context, tx driver.Tx) ([]driver.OutboxRow, error) {
	if len(a.boards) == 0 {
		return nil, nil
	}
	var streams []driver.WindowStream
	var rows []driver.Window
	var late []driver.LateWindow
	var dropped []int64
	var tallies []savedTally
	for _, b := range a.boards {
		if !b.taken {
			continue
		}
		if err := putProgress(&b.WindowStream, b.Progress); err != nil {
			return nil, err
		}
		streams = append(streams, b.WindowStream)
		for _, p := range b.Changed() {
			if p.ID == 0 {
				p.ID = tx.Take(1) + 1
			}
			rows = append(rows, b.row(p))
			dropped = append(dropped, p.Merged...)
			if p.News == nil {
				continue
			}
			if err := absorb(ctx, tx, b.Plan.Reductions, p); err != nil {
				return nil, fmt.Errorf("windows of recipe %s: %w", b.Recipe, err)
			}
			tallies = append(tallies, savedTally{p.ID, p.News})
		}
		late = append(late, b.late()...)
	}
	if err := tx.SaveWindowStreams(ctx, streams); err != nil {
		return nil, err
	}
	if err := saveTallies(ctx, tx, tallies); err != nil {
		return nil, err
	}
	if err := tx.DropWindows(ctx, dropped); err != nil {
		return nil, err
	}
	if err := tx.SaveWindows(ctx, rows); err != nil {
		return nil, err
	}
	return nil, tx.CountLate(ctx, late)
}

// row is a window as it is stored.
func (b *board) row(p *window.Pane) driver.Window {
	return driver.Window{
		ID: p.ID, Stream: b.ID, Recipe: b.Recipe, Kind: string(b.Plan.Kind()), Key: p.Key, Start: p.Start, End: p.End, Open: true,
		OK: p.OK, Failed: p.Failed, Cancelled: p.Cancelled, Late: p.Late,
	}
}

// late says to which closed windows late results are to be added.
func (b *board) late() []driver.LateWindow {
	list := make([]driver.LateWindow, 0, len(b.Missed))
	for m, n := range b.Missed {
		l := driver.LateWindow{Stream: b.ID, Recipe: b.Recipe, Key: m.Key, From: m.End, Until: m.End, Start: m.Start, N: n}
		if b.Plan.Gap > 0 { // the session in which it is, wherever that has ended
			l.From, l.Until = m.Start+1, math.MaxInt64
		}
		list = append(list, l)
	}
	return list
}

// absorb adds what the windows that have become part of one were reduced to.
func absorb(ctx context.Context, tx driver.Tx, plan *reduce.Plan, p *window.Pane) error {
	for _, id := range p.Merged {
		rows, err := tx.Reduced(ctx, id)
		if err != nil {
			return err
		}
		t, err := plan.Load(reducedRows(rows))
		if err != nil {
			return err
		}
		p.News.Merge(t)
	}
	return nil
}

// savedTally is what is new for a window.
type savedTally struct {
	id int64
	*reduce.Tally
}

// saveTallies adds to what windows are reduced to, and reads what it has to know in one go.
func saveTallies(ctx context.Context, tx driver.Tx, list []savedTally) error {
	var keys []driver.ReducedKey
	for _, t := range list {
		for _, k := range t.Keys() {
			keys = append(keys, reducedKey(t.id, k))
		}
	}
	rows, err := tx.ReducedRows(ctx, keys)
	if err != nil {
		return err
	}
	there := map[int64][]reduce.Row{}
	for _, r := range rows {
		there[r.Reduction] = append(there[r.Reduction], reduce.Row{Key: reduce.Key{Part: r.Part, Name: r.Name}, State: r.State})
	}
	var drop []driver.ReducedKey
	var put []driver.ReducedRow
	for _, t := range list {
		changes, err := t.Save(readRows{storedRows{ctx, tx, t.id}, there[t.id]})
		if err != nil {
			return fmt.Errorf("window %d: %w", t.id, err)
		}
		for _, k := range changes.Delete {
			drop = append(drop, reducedKey(t.id, k))
		}
		for _, r := range changes.Put {
			put = append(put, driver.ReducedRow{ReducedKey: reducedKey(t.id, r.Key), State: r.State})
		}
	}
	return tx.ChangeReduced(ctx, drop, put)
}

// readRows is a reduce.Reader whose rows have been read before.
type readRows struct {
	storedRows
	rows []reduce.Row
}

// Rows is reduce.Reader's.
func (r readRows) Rows([]reduce.Key) ([]reduce.Row, error) { return r.rows, nil }
