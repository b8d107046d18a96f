package window

// Span is a stretch of time: from Start on, and before End.
type Span struct{ Start, End int64 }

// Holds tells whether an instant is in it.
func (s Span) Holds(at int64) bool { return s.Start <= at && at < s.End }

// Overlaps tells whether they have an instant in common.
func (s Span) Overlaps(o Span) bool { return s.Start < o.End && o.Start < s.End }

// Spans are the windows that an instant is in, the oldest first. Windows of one length begin at multiples of it, or of the slide, since
// 1970. Of sessions it is what the session would be if nothing else came.
func (s *Spec) Spans(at int64) []Span {
	if s.Gap > 0 {
		return []Span{{at, at + s.Gap.Milliseconds()}}
	}
	size, step := s.Size.Milliseconds(), s.Slide.Milliseconds()
	if step == 0 {
		step = size
	}
	last := floor(at, step)
	first := last
	for first-step+size > at {
		first -= step
	}
	spans := make([]Span, 0, (last-first)/step+1)
	for start := first; start <= last; start += step {
		spans = append(spans, Span{start, start + size})
	}
	return spans
}

// Reach is the span outside of which no window that an instant is in can begin or end, unless it is a session that goes on.
func (s *Spec) Reach(at int64) Span {
	length := max(s.Size, s.Gap).Milliseconds()
	if s.Gap > 0 {
		return Span{at, at + length}
	}
	return Span{at - length, at + length}
}

// floor is the largest multiple of step that is not above at, also below zero.
func floor(at, step int64) int64 {
	rest := at % step
	if rest < 0 {
		rest += step
	}
	return at - rest
}
