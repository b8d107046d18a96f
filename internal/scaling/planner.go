package scaling

import (
	"errors"
	"fmt"
	"time"
)

// Policy says how numbers of replicas follow the demand.
type Policy struct {
	Bounds
	Settle time.Duration // between a change and a further rise, so that what was started shows what it does
	Rest   time.Duration // fewer are wanted only when fewer were enough all this time
}

// Defaults of a Policy.
const (
	DefaultSettle = 10 * time.Second
	DefaultRest   = time.Minute
)

// Validate joins all faults.
func (p Policy) Validate() error {
	errs := []error{p.Bounds.Validate()}
	if p.Settle < 0 || p.Rest < 0 {
		errs = append(errs, fmt.Errorf("waiting %s between two rises and %s before a fall: a time is negative", p.Settle, p.Rest))
	}
	return errors.Join(errs...)
}

// Planner is a Policy with a memory, so that the number does not flap: it rises soon, at most to twice as many at a time, and falls late.
// It is not safe for several goroutines.
type Planner struct {
	policy  Policy
	changed time.Time // when the last change was wanted
	wants   []want    // of the last Rest, and the one before them
}

type want struct {
	at time.Time
	n  int
}

// NewPlanner makes a planner of a valid policy.
func NewPlanner(p Policy) *Planner { return &Planner{policy: p} }

// Next is the number of replicas that there should be from now on. Times must not go back.
func (p *Planner) Next(now time.Time, d Demand) int {
	n := p.policy.Want(d)
	p.remember(now, n)
	have := d.Replicas
	switch {
	case n > have:
		if now.Sub(p.changed) < p.policy.Settle {
			return p.policy.clamp(have)
		}
		n = min(n, max(2*have, 1))
	case n < have:
		if n = p.enough(now, have); n == have {
			return p.policy.clamp(have)
		}
	}
	n = p.policy.clamp(n)
	if n != have {
		p.changed = now
	}
	return n
}

// remember keeps a number as long as it is of use. The last one that is older than Rest says what was wanted when Rest began.
func (p *Planner) remember(now time.Time, n int) {
	p.wants = append(p.wants, want{now, n})
	begin := now.Add(-p.policy.Rest)
	for len(p.wants) > 1 && !p.wants[1].at.After(begin) {
		p.wants = p.wants[1:]
	}
}

// enough is the largest number that was wanted in the last Rest: have if that is not known of all of it.
func (p *Planner) enough(now time.Time, have int) int {
	if now.Sub(p.wants[0].at) < p.policy.Rest {
		return have
	}
	n := 0
	for _, w := range p.wants {
		n = max(n, w.n)
	}
	return min(n, have)
}
