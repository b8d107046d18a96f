package scaling

import (
	"math"
	"time"
)

// Rate is how fast a count grows, the recent past counting most. Its zero value is ready for use.
type Rate struct {
	at    time.Time
	count uint64
	rate  float64
	known bool // whether rate is one
}

// memory is after how long the past counts for a third.
const memory = 10 * time.Second

// Add is told of the count. One that is lower than before is of another counter, which begins here.
func (r *Rate) Add(at time.Time, count uint64) {
	elapsed := at.Sub(r.at)
	first := r.at.IsZero() || count < r.count
	if !first && elapsed <= 0 {
		return
	}
	grown := count - r.count
	r.at, r.count = at, count
	if first {
		return
	}
	now := float64(grown) / elapsed.Seconds()
	if !r.known {
		r.rate, r.known = now, true
		return
	}
	r.rate += (1 - math.Exp(-elapsed.Seconds()/memory.Seconds())) * (now - r.rate)
}

// PerSecond is the rate; 0 while it is not known.
func (r *Rate) PerSecond() float64 { return r.rate }

// Arrival is the best guess of how fast items come in. measured was seen in a short moment, done is what all workers together have done
// lately, over a longer time. Where hardly anything waits both must be the same in the long run, and done is less noisy.
func Arrival(measured, done float64, pending uint64) float64 {
	if done > 0 && float64(pending) <= done {
		return done
	}
	return measured
}
