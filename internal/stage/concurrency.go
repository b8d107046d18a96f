package stage

import (
	"context"
	"strconv"
	"sync"

	"github.com/fetchmill/fetchmill/internal/governor"
	"github.com/fetchmill/fetchmill/internal/natsjs"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Concurrency is how many items a worker has under way at the same time: a fixed number, or as many as a governor finds right.
type Concurrency struct {
	first    int
	governor *governor.Governor
}

// Fixed is always n items, at least 1.
func Fixed(n int) Concurrency { return Concurrency{first: n} }

// Adaptive is as many items as a governor finds right.
func Adaptive(g *governor.Governor) Concurrency { return Concurrency{first: g.First(), governor: g} }

// String is the number, or "adaptive".
func (c Concurrency) String() string {
	if c.governor != nil {
		return "adaptive"
	}
	return strconv.Itoa(c.first)
}

// short passes on errors of operations that may say that this machine is short of something.
func (c Concurrency) short(err error) {
	if c.governor != nil {
		c.governor.Failed(err)
	}
}

// Load tells how busy the runner is.
func (r *Runner) Load() events.Load {
	adaptive := r.cfg.governor != nil
	s := r.taking.Load()
	if s == nil {
		return events.Load{Limit: r.cfg.Concurrency, Adaptive: adaptive}
	}
	l := s.Load()
	return events.Load{Limit: l.Limit, Adaptive: adaptive, InFlight: l.Working, Parked: l.Parked}
}

// govern lets the governor, if there is one, set the number of workers until intake ends. The returned function waits for its end.
func (r *Runner) govern(intake context.Context, s *natsjs.Subscriber) (wait func()) {
	if r.cfg.governor == nil {
		return func() {}
	}
	ctx, stop := context.WithCancel(intake)
	var governing sync.WaitGroup
	governing.Go(func() { r.cfg.governor.Run(ctx, governed{s, r}, r.env.Log) })
	return func() {
		stop()
		governing.Wait()
	}
}

// governed is a subscriber as its governor sees it. What comes again later is no throughput: with more workers, more would come again.
type governed struct {
	*natsjs.Subscriber
	runner *Runner
}

func (g governed) Observe() governor.Observation {
	l := g.Load()
	return governor.Observation{Limit: l.Limit, Working: l.Working, Parked: l.Parked, Done: g.runner.ended.Load(), Again: g.runner.again.Load(), Busy: l.Busy, Full: l.Full}
}
