package sink

import "time"

const (
	// clockSlack is how far the clock may go otherwise than time does before it counts as set: more than a synchronised clock ever corrects at once.
	clockSlack = time.Second
	// clockDoubt is for how long nothing is deleted by a clock that was put forward: long enough for it to be put right again.
	clockDoubt = time.Hour
)

// clock is the time of day, which can be set, beside the time that really passes, which cannot (docs/adr/0020).
type clock struct {
	now  func() time.Time
	last look
	sure time.Time // in real time: from when on the clock is believed again
}

// look is what the clock said, and when that was: real has a monotonic reading.
type look struct{ said, real time.Time }

func newClock(now func() time.Time) *clock {
	c := &clock{now: now}
	c.last = c.read()
	c.sure = c.last.real
	return c
}

func (c *clock) read() look { return look{c.now().Round(0), time.Now()} }

// look tells the time, and by how much the clock was set since the last look: forward if that is positive, 0 if it was not.
func (c *clock) look() (now time.Time, set time.Duration) {
	l := c.read()
	set = l.said.Sub(c.last.said) - l.real.Sub(c.last.real)
	c.last = l
	if set.Abs() <= clockSlack {
		return l.said, 0
	}
	if set > 0 {
		c.sure = l.real.Add(clockDoubt)
	}
	return l.said, set
}

// doubtful tells whether the clock was put forward lately, by the looks so far.
func (c *clock) doubtful() bool { return c.last.real.Before(c.sure) }
