// Package scaling says how many replicas of a service are right for what waits for it. It has no clock, no broker and no processes: others
// look, ask it, and start and stop.
//
// The model is that of docs/scaling.md: what comes in has to be done, and what waits is to be worked off within a time that the operator
// chooses; one replica can do so many items a second as its places and the time that items take say.
package scaling

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// DefaultWithin is in which time what waits is to be worked off, unless told otherwise.
const DefaultWithin = time.Minute

// Demand is what is to be seen of a stage at one moment.
type Demand struct {
	Pending    uint64  // items that no worker has yet
	InProgress uint64  // items that workers have, or that rest between two attempts
	Arrival    float64 // items per second that come in
	Capacity   float64 // items per second that one replica can do; 0 if nobody knows yet
	Busy       int     // places taken, in all replicas together
	Places     int     // items that one replica has under way at the same time; 0 if nobody knows
	Replicas   int     // running now
}

// Lag is how many items have come and are not done.
func (d Demand) Lag() uint64 { return d.Pending + d.InProgress }

// Bounds are the aim, and between which numbers it is sought.
type Bounds struct {
	Least  int           // replicas; never fewer
	Most   int           // replicas; never more, 0 is for no bound
	Within time.Duration // what waits is to be worked off in this time
}

// Validate joins all faults.
func (b Bounds) Validate() error {
	var errs []error
	if b.Least < 0 {
		errs = append(errs, fmt.Errorf("at least %d replicas: the number is negative", b.Least))
	}
	if b.Most != 0 && b.Most < b.Least {
		errs = append(errs, fmt.Errorf("at most %d replicas are fewer than at least %d", b.Most, b.Least))
	}
	if b.Within <= 0 {
		errs = append(errs, fmt.Errorf("working off what waits within %s: the time is not positive", b.Within))
	}
	return errors.Join(errs...)
}

// unboundedMost bounds the number where the operator does not, so that a capacity near nothing asks for no absurd one.
const unboundedMost = 1000

// tolerance is by how much of a replica those that there are may fall short before one more is wanted: rates are never exact.
const tolerance = 0.05

// Want is the number of replicas that would be right for the demand, without regard to what was right before. See Planner for that.
func (b Bounds) Want(d Demand) int {
	n := b.flow(d)
	if d.Places > 0 { // who is at work is not stopped for it
		n = max(n, ceil(float64(d.Busy)/float64(d.Places)))
	}
	if d.Lag() > 0 {
		n = max(n, 1)
	}
	return b.clamp(n)
}

// flow is how many replicas do what comes in and work off what waits.
func (b Bounds) flow(d Demand) int {
	if d.Capacity > 0 {
		return ceil((d.Arrival + float64(d.Pending)/b.Within.Seconds()) / d.Capacity)
	}
	// Nothing has ended yet, so nobody knows how long items take. While there is something to do all stay, and one more comes if nobody has a
	// place left.
	switch {
	case d.Lag() == 0:
		return 0
	case d.Pending > 0 && d.Places > 0 && d.Busy >= d.Replicas*d.Places:
		return d.Replicas + 1
	default:
		return d.Replicas
	}
}

func (b Bounds) clamp(n int) int {
	most := b.Most
	if most == 0 {
		most = max(unboundedMost, b.Least)
	}
	return min(max(n, b.Least), most)
}

// ceil rounds up, with the tolerance, and bears whatever a division gives.
func ceil(replicas float64) int {
	if math.IsNaN(replicas) || replicas <= 0 {
		return 0
	}
	if replicas >= unboundedMost {
		return math.MaxInt32
	}
	if replicas <= 1 {
		return 1
	}
	return int(math.Ceil(replicas - tolerance))
}
