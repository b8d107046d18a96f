package window

import (
	"slices"
	"time"

	"github.com/fetchmill/fetchmill/internal/reduce"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// maxAhead is by how much a result may claim to be of the future.
const maxAhead = 24 * time.Hour

// Fate is what became of a result.
type Fate int

// What becomes of results.
const (
	Counted Fate = iota // it is in all its windows
	Late                // it came too late for one of its windows, or for all
	Skipped             // it tells no time that can be, or no key
)

// Pane is a window while a board changes it.
type Pane struct {
	ID  int64 // 0 if it is not stored
	Key string
	Span
	OK, Failed, Cancelled int64
	Late                  int64

	Changed bool
	News    *reduce.Tally // what was taken in; nil if nothing was, or if there are no reductions
	Merged  []int64       // stored windows that have become part of this one
}

// Missed tells where a late result would have gone: into the window of a key with that span, or, of sessions, into that in which Start is.
type Missed struct {
	Key string
	Span
}

// Board takes results of one stream into windows.
type Board struct {
	Plan     *Plan
	Progress *Progress
	Missed   map[Missed]int64 // late results whose windows are not on the board

	panes map[string][]*Pane // by key, in no order
}

// NewBoard makes one on which panes are put by Put: all that are stored as open and that a result which comes may belong to.
func NewBoard(p *Plan, progress *Progress) *Board {
	return &Board{Plan: p, Progress: progress, Missed: map[Missed]int64{}, panes: map[string][]*Pane{}}
}

// Put puts a stored window on the board.
func (b *Board) Put(p *Pane) { b.panes[p.Key] = append(b.panes[p.Key], p) }

// Changed are the windows that were changed or are new.
func (b *Board) Changed() []*Pane {
	var list []*Pane
	for _, some := range b.panes {
		for _, p := range some {
			if p.Changed {
				list = append(list, p)
			}
		}
	}
	return list
}

// Add takes in a result that has come now.
func (b *Board) Add(j Judgement, now int64) Fate {
	if j.Skipped || j.At > now+maxAhead.Milliseconds() {
		return Skipped
	}
	fate := Counted
	for _, s := range b.Plan.Spans(j.At) {
		p := b.pane(j, s)
		if p == nil {
			b.miss(j, s)
			fate = Late
			continue
		}
		p.take(b.Plan, j)
	}
	b.Progress.Saw(&b.Plan.Spec, j.Source, j.At, now)
	return fate
}

// pane is the open window for a span, which may be new; nil if it is too late for it.
func (b *Board) pane(j Judgement, s Span) *Pane {
	if b.Plan.Gap > 0 {
		return b.session(j, s)
	}
	if b.Progress.Closed(s.End) {
		return nil
	}
	for _, p := range b.panes[j.Key] {
		if p.Span == s {
			return p
		}
	}
	p := &Pane{Key: j.Key, Span: s}
	b.Put(p)
	return p
}

// session makes one of all open sessions that a span connects.
func (b *Board) session(j Judgement, s Span) *Pane {
	var into *Pane
	rest := b.panes[j.Key][:0:0]
	for _, p := range b.panes[j.Key] {
		switch {
		case b.Progress.Closed(p.End) || !p.Overlaps(s):
			rest = append(rest, p)
		case into == nil:
			into = p
		default:
			into = into.with(p)
		}
	}
	if into == nil {
		if b.Progress.Closed(s.End) {
			return nil
		}
		into = &Pane{Key: j.Key, Span: s}
	}
	into.Start, into.End = min(into.Start, s.Start), max(into.End, s.End)
	b.panes[j.Key] = append(rest, into)
	return into
}

// with joins two windows; the one that is stored longer stays.
func (p *Pane) with(o *Pane) *Pane {
	if o.ID != 0 && (p.ID == 0 || o.ID < p.ID) {
		p, o = o, p
	}
	p.Start, p.End = min(p.Start, o.Start), max(p.End, o.End)
	p.OK, p.Failed, p.Cancelled, p.Late = p.OK+o.OK, p.Failed+o.Failed, p.Cancelled+o.Cancelled, p.Late+o.Late
	p.Merged = slices.Concat(p.Merged, o.Merged)
	if o.ID != 0 {
		p.Merged = append(p.Merged, o.ID)
	}
	switch {
	case p.News == nil:
		p.News = o.News
	case o.News != nil:
		p.News.Merge(o.News)
	}
	p.Changed = true
	return p
}

// take counts a result.
func (p *Pane) take(plan *Plan, j Judgement) {
	p.Changed = true
	switch j.Status {
	case events.StatusOK:
		p.OK++
	case events.StatusFailed:
		p.Failed++
	case events.StatusCancelled:
		p.Cancelled++
	}
	if plan.Reductions == nil {
		return
	}
	if p.News == nil {
		p.News = plan.Reductions.NewTally()
	}
	p.News.Add(j.Reduce)
}

// miss counts a result that came too late for a window. One that is closed and yet stored as open is on the board.
func (b *Board) miss(j Judgement, s Span) {
	for _, p := range b.panes[j.Key] {
		if p.Span == s || b.Plan.Gap > 0 && p.Holds(j.At) {
			p.Late++
			p.Changed = true
			return
		}
	}
	b.Missed[Missed{j.Key, s}]++
}
