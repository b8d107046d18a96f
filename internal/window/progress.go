package window

import "math"

// Unknown is the watermark before anything has come.
const Unknown = math.MinInt64

const (
	// maxSources is how many sources are told apart; all others are one more.
	maxSources = 256
	others     = ""
)

// Progress is how far a stream of results has come in the time at which things happened.
type Progress struct {
	// Watermark is up to when everything is taken to have come. It never goes back.
	Watermark int64
	// Sources are those that are waited for.
	Sources map[string]Source
}

// Source is what is known of one that results come from.
type Source struct {
	Newest int64 `json:"newest"` // when the newest of its results happened, but never after the clock
	Seen   int64 `json:"seen"`   // when its last result came, by the clock
}

// NewProgress is that of a stream of which nothing has come.
func NewProgress() *Progress {
	return &Progress{Watermark: Unknown, Sources: map[string]Source{}}
}

// Closed tells whether nothing more is taken into windows that end then.
func (p *Progress) Closed(end int64) bool { return end <= p.Watermark }

// Saw notes that a result came from a source. One that claims to be of the future moves time no further than to now: otherwise a single
// wrong clock would make everybody else late.
func (p *Progress) Saw(s *Spec, source string, at, now int64) {
	if _, known := p.Sources[source]; !known && len(p.Sources) >= maxSources {
		source = others
	}
	before, known := p.Sources[source]
	after := Source{Newest: min(at, now), Seen: now}
	if known {
		after.Newest, after.Seen = max(after.Newest, before.Newest), max(after.Seen, before.Seen)
	}
	p.Sources[source] = after
	if !known || after.Newest != before.Newest {
		p.follow(s)
	}
}

// follow moves the watermark to where the slowest source allows it to be.
func (p *Progress) follow(s *Spec) {
	if len(p.Sources) == 0 {
		return
	}
	slowest := int64(math.MaxInt64)
	for _, src := range p.Sources {
		slowest = min(slowest, src.Newest)
	}
	p.Watermark = max(p.Watermark, slowest-s.Lateness.Milliseconds())
}

// Tick judges silence, and tells whether anything has changed. Sources of which nothing has come for the idle time are not waited for
// any more; silence before since does not count, because nobody listened. When no source is left, the clock takes their place, as far as
// to the next end of a window that is open, once it has gone on evenly for the idle time.
func (p *Progress) Tick(s *Spec, now, since, nextEnd int64) (changed bool) {
	idle := s.Idle.Milliseconds()
	for name, src := range p.Sources {
		if src.Seen-now > idle { // the clock was put back: its silence begins now
			src.Seen, changed = now, true
			p.Sources[name] = src
		}
		if now-max(src.Seen, since) >= idle {
			delete(p.Sources, name)
			changed = true
		}
	}
	before := p.Watermark
	p.follow(s)
	if clock := now - s.Lateness.Milliseconds(); len(p.Sources) == 0 && nextEnd <= clock && now-since >= idle {
		p.Watermark = max(p.Watermark, clock)
	}
	return changed || p.Watermark != before
}
