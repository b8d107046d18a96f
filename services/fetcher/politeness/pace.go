package politeness

import "time"

// slack is how much a start may come early because the one before came late, as timers do. Over any time T a rate of r gives at most
// r*(T+slack)+1 starts.
const slack = 20 * time.Millisecond

// pace keeps the distances between starts: the generic cell rate algorithm with one cell (ITU-T I.371), and a least distance.
type pace struct {
	next time.Time // by the rate
	last time.Time // start
	free time.Time // by the least distance that the last start asked for
}

// ready is when a start with this demand may be.
func (p *pace) ready(d demand) time.Time {
	at := p.free
	if d.rate > 0 && p.next.After(at) {
		at = p.next
	}
	if d.delay > 0 && !p.last.IsZero() {
		if t := p.last.Add(d.delay); t.After(at) {
			at = t
		}
	}
	return at
}

func (p *pace) started(now time.Time, d demand) {
	if i := d.interval(); i > 0 {
		from := now.Add(-min(slack, i))
		if p.next.After(from) {
			from = p.next
		}
		p.next = from.Add(i)
	}
	p.last = now
	p.free = now.Add(d.delay)
}
