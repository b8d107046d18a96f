package politeness

import "time"

// circuit is open while a host does not answer. Only requests that nobody else has tried for cost a slot then: one after each
// opening, the trial.
//
// It is our own because it belongs to the host's other state, under one lock: the trial waits for its turn as everybody does, probes
// pass by, and other fetchers open and close it. github.com/sony/gobreaker fits a function that is called at once.
type circuit struct {
	failures int    // without an answer, in a row
	last     string // what went wrong
	open     bool
	until    time.Time     // then a trial may go
	openFor  time.Duration // this time
	trial    *Turn         // under way
}

// refuses tells how long a request has to stay away, if it does.
func (c *circuit) refuses(now time.Time) (after time.Duration, yes bool) {
	switch {
	case !c.open:
		return 0, false
	case now.Before(c.until):
		return c.until.Sub(now), true
	case c.trial != nil: // its end is not known: half of what its failure would cost
		return max(time.Second, c.openFor/2), true
	default:
		return 0, false
	}
}

// tries makes a request that starts the trial, if it is time for one.
func (c *circuit) tries(t *Turn) {
	if c.open && c.trial == nil && !t.started.Before(c.until) {
		c.trial = t
	}
}

// failed counts a request without an answer. It tells whether the circuit has been opened by it.
func (c *circuit) failed(t *Turn, now time.Time, cause string, cfg *Config) (opened bool) {
	c.failures++
	c.last = cause
	switch {
	case c.open && c.trial == t:
		c.trial = nil
		c.openFor = min(2*c.openFor, cfg.BreakMost)
	case !c.open && c.failures >= cfg.BreakAfter:
		c.open = true
		c.openFor = min(cfg.BreakFirst, cfg.BreakMost)
	default:
		return false
	}
	c.until = now.Add(c.openFor)
	return true
}

// answered closes the circuit. It tells whether it was open.
func (c *circuit) answered() (closed bool) {
	closed = c.open
	*c = circuit{}
	return closed
}

// heard opens the circuit because another fetcher has opened its own.
func (c *circuit) heard(now time.Time, d time.Duration, failures int, last string) {
	until := now.Add(d)
	if c.open && !until.After(c.until) {
		return
	}
	c.open, c.until, c.openFor = true, until, max(d, c.openFor)
	c.failures, c.last = max(c.failures, failures), last
}
