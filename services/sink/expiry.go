package sink

import (
	"context"
	"log/slog"
	"time"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/store"
)

// DefaultBatchIdle is after how long without any change an unfinished batch expires.
const DefaultBatchIdle = 24 * time.Hour

// Expiry ends batches to which nothing has happened for too long: whoever waits for them shall not wait for ever.
type Expiry struct {
	db    *store.DB
	idle  time.Duration
	clock *clock
	looks []look // of the last idle time, and the one before
	log   *slog.Logger
}

// NewExpiry returns an expiry loop; an idle time of zero means DefaultBatchIdle.
func NewExpiry(db *store.DB, idle time.Duration, now func() time.Time, log *slog.Logger) *Expiry {
	if idle <= 0 {
		idle = DefaultBatchIdle
	}
	return &Expiry{db: db, idle: idle, clock: newClock(now), log: log}
}

// Run looks for idle batches until ctx ends. It looks for the first time after a 24th of the idle time (an hour by default), so that
// after a long standstill the results that have piled up come in before their batches are judged.
func (x *Expiry) Run(ctx context.Context) {
	x.looks = append(x.looks, x.clock.last)
	for host.Pause(ctx, max(x.idle/24, time.Millisecond)) {
		now, _ := x.clock.look()
		n, err := x.db.ExpireBatches(ctx, x.idleSince(), now)
		switch {
		case err != nil && ctx.Err() == nil:
			x.log.Error("cannot expire idle batches; the next try comes by itself", logError, err)
		case n > 0:
			x.log.Warn("batches expired: nothing has come for them", logBatches, n)
		}
	}
}

// idleSince is what the clock said one idle time ago, or the least that it can have said since, if it was set: a batch that was touched
// meanwhile bears no earlier time, and is not taken for idle.
func (x *Expiry) idleSince() time.Time {
	now := x.clock.last
	x.looks = append(x.looks, now)
	for now.real.Sub(x.looks[1].real) >= x.idle {
		x.looks = x.looks[1:]
	}
	first := x.looks[0]
	since := first.said.Add(min(now.real.Sub(first.real)-x.idle, 0)) // what was before the start is believed
	for i, l := range x.looks[1:] {
		if least := l.said.Add(-l.real.Sub(x.looks[i].real)); least.Before(since) {
			since = least
		}
	}
	return since
}
