package iorate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/bench/usage"
	"github.com/fetchmill/fetchmill/internal/site"
)

// round is one measurement.
type round struct {
	items              int
	took, cpu, siteCPU time.Duration
	before, peak       int64 // resident bytes: before the first URL, and at most
}

func (r round) perSecond() float64 { return float64(r.items) / r.took.Seconds() }

func (r round) micros(d time.Duration) float64 { return d.Seconds() * 1e6 / float64(r.items) }

// running is a contender that has started.
type running struct {
	pid    int // of the process that it runs in
	own    bool
	do     func(ctx context.Context, n int) error // does n items and returns when all are done
	finish func() error
	items  func(n int) int // how many of n items it is given, for those that would take all day
}

// contender is somebody who fetches URLs.
type contender struct {
	name  string
	guest bool // not ours: it may fail
	start func(ctx context.Context, l level) (*running, error)
}

// guestTime is how long a guest may take for a round with its warm-up.
const guestTime = time.Minute

// round starts the contender, warms it up and takes the figures.
func (c contender) round(ctx context.Context, l level, server *site.Process, profile func() (func() error, error)) (r round, err error) {
	if c.guest {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, guestTime)
		defer cancel()
	}
	one, err := c.start(ctx, l)
	if err != nil {
		return round{}, err
	}
	defer func() { err = errors.Join(err, one.finish()) }()
	r.items = l.items
	if one.items != nil {
		r.items = one.items(l.items)
	}
	if one.own {
		usage.ResetPeak()
	}
	r.before = one.memory().Now
	if err := one.do(ctx, l.warmUp); err != nil {
		return round{}, fmt.Errorf("warm up: %w", err)
	}
	stop := func() error { return nil }
	if profile != nil {
		if stop, err = profile(); err != nil {
			return round{}, err
		}
	}
	siteBefore, _ := usage.ReadCPU(server.PID) // not known elsewhere than on Linux: 0 then
	cpu, start := one.cpu(), time.Now()
	err = one.do(ctx, r.items)
	r.took, r.cpu, r.peak = time.Since(start), one.cpu()-cpu, one.memory().Peak
	siteAfter, _ := usage.ReadCPU(server.PID)
	r.siteCPU = siteAfter - siteBefore
	return r, errors.Join(err, stop())
}

func (r *running) cpu() time.Duration {
	if r.own {
		return usage.CPU()
	}
	d, _ := usage.ReadCPU(r.pid)
	return d
}

func (r *running) memory() usage.Memory {
	m, err := usage.ReadMemory(r.pid)
	if err != nil && r.own {
		m.Peak = usage.Peak()
	}
	return m
}
