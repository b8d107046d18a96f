// Package windowtest has a model of windows of time that is written as plainly as possible, to compare with.
package windowtest

import (
	"math"
	"slices"

	"github.com/fetchmill/fetchmill/internal/window"
)

// Arrival is a result that comes at Now.
type Arrival struct {
	ID          string
	At          int64
	Key, Source string
	Now         int64
	Skip        bool // it tells no time or no key
}

// Window is a window with the results that are in it.
type Window struct {
	Key        string
	Start, End int64
	In         []Arrival
	Late       int64
	Told       bool // it has been closed for all to see
}

// Model takes arrivals and ticks in, one after the other.
type Model struct {
	Spec                   window.Spec
	Watermark              int64
	Windows                []*Window
	Counted, Late, Skipped int64

	newest, seen map[string]int64 // by source
}

// New makes a model of a stream.
func New(s window.Spec) *Model {
	return &Model{Spec: s, Watermark: math.MinInt64, newest: map[string]int64{}, seen: map[string]int64{}}
}

// Add takes an arrival in.
func (m *Model) Add(a Arrival) {
	if a.Skip || a.At > a.Now+24*3600*1000 {
		m.Skipped++
		return
	}
	take := m.fixed
	if m.Spec.Gap > 0 {
		take = m.session
	}
	if take(a) {
		m.Counted++
	} else {
		m.Late++
	}
	if newest, known := m.newest[a.Source]; !known || min(a.At, a.Now) > newest {
		m.newest[a.Source] = min(a.At, a.Now)
	}
	m.seen[a.Source] = max(m.seen[a.Source], a.Now)
	m.advance()
}

// fixed tells whether it was in time for all windows of one length.
func (m *Model) fixed(a Arrival) bool {
	size, step := m.Spec.Size.Milliseconds(), m.Spec.Slide.Milliseconds()
	if step == 0 {
		step = size
	}
	inTime := true
	for k := (a.At-size)/step - 2; k*step <= a.At+step; k++ {
		start, end := k*step, k*step+size
		if a.At < start || a.At >= end {
			continue
		}
		at := slices.IndexFunc(m.Windows, func(w *Window) bool { return w.Key == a.Key && w.Start == start && w.End == end })
		switch {
		case end <= m.Watermark:
			inTime = false
			if at >= 0 {
				m.Windows[at].Late++
			}
		case at >= 0:
			m.Windows[at].In = append(m.Windows[at].In, a)
		default:
			m.Windows = append(m.Windows, &Window{Key: a.Key, Start: start, End: end, In: []Arrival{a}})
		}
	}
	return inTime
}

// session puts all that is near enough into one session, and tells whether there was any, or one could begin.
func (m *Model) session(a Arrival) bool {
	gap := m.Spec.Gap.Milliseconds()
	joined := &Window{Key: a.Key, Start: a.At, End: a.At + gap, In: []Arrival{a}}
	var rest []*Window
	for _, w := range m.Windows {
		near := slices.ContainsFunc(w.In, func(b Arrival) bool { return max(a.At-b.At, b.At-a.At) < gap })
		if w.Key != a.Key || w.End <= m.Watermark || !near {
			rest = append(rest, w)
			continue
		}
		joined.In = append(joined.In, w.In...)
		joined.Late += w.Late
	}
	if len(joined.In) == 1 && joined.End <= m.Watermark {
		return false
	}
	for _, b := range joined.In {
		joined.Start, joined.End = min(joined.Start, b.At), max(joined.End, b.At+gap)
	}
	rest = append(rest, joined)
	m.Windows = rest
	return true
}

func (m *Model) advance() {
	if len(m.newest) == 0 {
		return
	}
	slowest := int64(math.MaxInt64)
	for _, at := range m.newest {
		slowest = min(slowest, at)
	}
	m.Watermark = max(m.Watermark, slowest-m.Spec.Lateness.Milliseconds())
}

// Tick judges silence since then, and closes what is to be closed. It returns what has been closed now.
func (m *Model) Tick(now, since int64) (told []*Window) {
	nextEnd := int64(math.MaxInt64)
	for _, w := range m.Windows {
		if !w.Told {
			nextEnd = min(nextEnd, w.End)
		}
	}
	if nextEnd == math.MaxInt64 { // nobody waits for anything
		return nil
	}
	for source, seen := range m.seen {
		if now-max(seen, since) >= m.Spec.Idle.Milliseconds() {
			delete(m.seen, source)
			delete(m.newest, source)
		}
	}
	m.advance()
	if clock := now - m.Spec.Lateness.Milliseconds(); len(m.seen) == 0 && nextEnd <= clock && now-since >= m.Spec.Idle.Milliseconds() {
		m.Watermark = max(m.Watermark, clock)
	}
	for _, w := range m.Windows {
		if !w.Told && w.End <= m.Watermark {
			w.Told = true
			told = append(told, w)
		}
	}
	return told
}
