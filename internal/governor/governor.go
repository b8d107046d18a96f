// Package governor finds out how many items a worker should have under way at the same time, while it works.
//
// A fetcher mostly waits, so its throughput grows with the number of items until something is used up: the CPU, the
// memory, the files that may be open, or the servers that it asks. The governor raises the number as long as more is done
// for it, and lowers it when this machine is overloaded. It never takes a slow answer for overload, since among thousands of hosts
// there is always a slow one: see docs/adr/0007-adaptive-concurrency.md.
package governor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fetchmill/fetchmill/internal/quota"
)

// Config says within what a governor finds its number. Zero fields take the defaults.
type Config struct {
	First  int   // to begin with; default 64
	Least  int   // never fewer; default 8
	Most   int   // never more; default 16384, or what the open files allow if that is fewer
	Memory int64 // bytes that all items under way may take together; default a quarter of what the process may use
}

const (
	defaultFirst = 64
	defaultLeast = 8
	defaultMost  = 16384
)

func (c Config) withDefaults() Config {
	orDefault(&c.Least, defaultLeast)
	orDefault(&c.First, max(defaultFirst, c.Least))
	if c.Most == 0 {
		c.Most = max(c.Least, min(defaultMost, openFiles()/filesPerItem))
		c.First = min(c.First, c.Most)
	}
	orDefault(&c.Memory, quota.Memory()/4)
	return c
}

func orDefault[T int | int64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

func (c Config) validate() error {
	if c.Least < 1 || c.First < c.Least || c.Most < c.First {
		return fmt.Errorf("concurrency: %d to begin with is not between %d, at least 1, and %d", c.First, c.Least, c.Most)
	}
	if c.Memory < 1 {
		return fmt.Errorf("concurrency: a memory budget of %d bytes is not positive", c.Memory)
	}
	return nil
}

// Governor sets the number of workers. It is made for one stage.
type Governor struct {
	cfg   Config
	short atomic.Int64 // failures for which this machine is to blame, since the last look
}

// New makes a governor.
func New(cfg Config) (*Governor, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Governor{cfg: cfg}, nil
}

// First is the number to begin with.
func (g *Governor) First() int { return g.cfg.First }

// Most is the number that is never exceeded.
func (g *Governor) Most() int { return g.cfg.Most }

// Memory is how many bytes all items under way may take together.
func (g *Governor) Memory() int64 { return g.cfg.Memory }

// Observation is what workers do and have done since some time in the past.
type Observation struct {
	Limit   int           // workers allowed
	Working int           // at work
	Parked  int           // waiting without a place
	Done    uint64        // items done for good, ever more
	Again   uint64        // items that will come again, ever more
	Busy    time.Duration // the times of all workers at work added up, ever more
	Full    time.Duration // how long all that are allowed were at work, ever more
}

// Workers are what a governor governs.
type Workers interface {
	Observe() Observation
	SetWorkers(n int)
}

// Failed is told of errors of operations. Those that say that this machine has no more open files, ports or buffers to give make the
// governor back off.
func (g *Governor) Failed(err error) {
	for _, shortage := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL} {
		if errors.Is(err, shortage) {
			g.short.Add(1)
			return
		}
	}
}

const (
	// tickBusy and tickIdle are how often the workers are looked at.
	tickBusy = 100 * time.Millisecond
	tickIdle = 500 * time.Millisecond
)

// Run sets the number of workers until ctx ends.
func (g *Governor) Run(ctx context.Context, w Workers, log *slog.Logger) {
	c := newClimber(g.cfg)
	machine := newMachine()
	memory := memory{budget: g.cfg.Memory}
	last, at := w.Observe(), time.Now()
	_, computed, _ := machine.look()
	tick := time.NewTimer(tickBusy)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, seen := time.Now(), w.Observe()
		used, cpu, latency := machine.look()
		step := step{
			elapsed: now.Sub(at), done: seen.Done - last.Done, again: seen.Again - last.Again, busy: seen.Busy - last.Busy, full: seen.Full - last.Full, cpu: cpu - computed,
			latency: latency, short: g.short.Swap(0) > 0, room: memory.room(used, seen.Working, seen.Parked),
		}
		last, at, computed = seen, now, cpu
		if n, why := c.next(step); n != seen.Limit {
			log.Debug("concurrency changes", "limit", n, "was", seen.Limit, "because", why,
				"per_second", int(c.last.rate), "per_cpu_second", int(c.last.efficiency), "residence", c.residence, "scheduling_latency", c.last.latency)
			w.SetWorkers(n)
		}
		if seen.Working+seen.Parked > 0 {
			tick.Reset(tickBusy)
		} else {
			tick.Reset(tickIdle)
		}
	}
}
