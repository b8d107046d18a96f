package sink

import (
	"context"
	"log/slog"
	"time"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/store"
)

const (
	pruneEvery = time.Hour
	// pruneRest lets results come between the steps.
	pruneRest = 50 * time.Millisecond
)

// Prune forgets what is kept about targets when it is too old.
type Prune struct {
	db    *store.DB
	clock *clock
	log   *slog.Logger
}

// NewPrune makes a loop that prunes.
func NewPrune(db *store.DB, now func() time.Time, log *slog.Logger) *Prune {
	return &Prune{db, newClock(now), log}
}

// Run prunes every hour until ctx ends.
func (p *Prune) Run(ctx context.Context) {
	for host.Pause(ctx, pruneEvery) {
		now, _ := p.clock.look()
		if p.clock.doubtful() {
			continue
		}
		if err := p.all(ctx, now); err != nil && ctx.Err() == nil {
			p.log.Error("cannot forget what is too old; the next try comes by itself", logError, err)
		}
	}
}

// all prunes in small steps until nothing is too old.
func (p *Prune) all(ctx context.Context, now time.Time) error {
	for {
		more, err := p.db.PruneTargets(ctx, now)
		if err != nil || !more {
			return err
		}
		if !host.Pause(ctx, pruneRest) {
			return ctx.Err()
		}
	}
}
