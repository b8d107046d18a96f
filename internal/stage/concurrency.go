package stage

import (
	"context"
	"strconv"
	"sync"

	"github.com/fetchmill/fetchmill/internal/governor"
	"github.com/fetchmill/fetchmill/internal/natsjs"
	"github.com/fetchmill/fetchmill/internal/quota"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Concurrency is how many items a worker has under way at the same time: a fixed number, or as many as a governor finds right.
type Concurrency struct {
	first    int
	governor *governor.Governor

	cpus, share float64 // what the number was made of; 0 if it was not
}

// Fixed is always n items, at least 1.
func Fixed(n int) Concurrency { return Concurrency{first: n} }

// Share is as many items as a share of so many processors has workers, see quota.Workers.
func Share(cpus, share float64) Concurrency {
	return Concurrency{first: quota.Workers(cpus, share), cpus: cpus, share: share}
}

// Adaptive is as many items as a governor finds right.
func Adaptive(g *governor.Governor) Concurrency { return Concurrency{first: g.First(), governor: g} }

// Limit is how many items there are at the same time, of an adaptive one to begin with.
func (c Concurrency) Limit() int { return c.first }

// String is the number, or "adaptive".
func (c Concurrency) String() string {
	if c.governor != nil {
		return "adaptive"
	}
	return strconv.Itoa(c.first)
}

// OfCPUs tells, for people, what the number was made of; nothing if not of processors.
func (c Concurrency) OfCPUs() string { return events.Load{CPUs: c.cpus, CPUShare: c.share}.OfCPUs() }

// short passes on errors of operations that may say that this machine is short of something.
func (c Concurrency) short(err error) {
	if c.governor != nil {
		c.governor.Failed(err)
	}
}

// Load tells how busy the runner is.
func (r *Runner) Load() events.Load {
	load := events.Load{Limit: r.cfg.Concurrency, Adaptive: r.cfg.governor != nil, CPUs: r.cfg.cpus, CPUShare: r.cfg.cpuShare}
	if s := r.taking.Load(); s != nil {
		l := s.Load()
		load.Limit, load.InFlight, load.Parked = l.Limit, l.Working, l.Parked
	}
	load.Rate, load.Capacity = r.pace.rates()
	return load
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
