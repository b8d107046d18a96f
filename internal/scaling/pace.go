package scaling

import "time"

// Work is what a worker has done since some time in the past.
type Work struct {
	At    time.Time
	Ended uint64        // items, ever more
	Busy  time.Duration // the times of all places at work added up, ever more
	Limit int           // places now
}

// Pace tells how fast a worker is and how fast it could be. Its zero value is ready for use.
type Pace struct {
	seen  []Work
	each  time.Duration // place time that an item takes; the last that is known
	limit int
}

// paceWindow is how long the past counts.
const paceWindow = 10 * time.Second

// Add is told of a worker from time to time, about once a second.
func (p *Pace) Add(w Work) {
	p.seen = append(p.seen, w)
	for len(p.seen) > 2 && w.At.Sub(p.seen[1].At) >= paceWindow {
		p.seen = p.seen[1:]
	}
	p.limit = w.Limit
	first := p.seen[0]
	if ended := w.Ended - first.Ended; ended > 0 {
		p.each = max((w.Busy-first.Busy)/time.Duration(ended), 1)
	}
}

// Rate is how many items per second have ended lately.
func (p *Pace) Rate() float64 {
	if len(p.seen) == 0 {
		return 0
	}
	first, last := p.seen[0], p.seen[len(p.seen)-1]
	elapsed := last.At.Sub(first.At)
	if elapsed <= 0 {
		return 0
	}
	return float64(last.Ended-first.Ended) / elapsed.Seconds()
}

// Capacity is how many items per second would end if all places were at work all the time and items took as long as they did lately; 0
// if none has ended yet.
func (p *Pace) Capacity() float64 {
	if p.each == 0 {
		return 0
	}
	return float64(p.limit) / p.each.Seconds()
}
