package sink

import (
	"context"
	"log/slog"
	"time"

	"github.com/fetchmill/fetchmill/internal/store"
)

// DefaultBatchIdle is after how long without any change an unfinished batch expires.
const DefaultBatchIdle = 24 * time.Hour

// Expiry ends batches to which nothing has happened for too long: whoever waits for them shall not wait for ever.
type Expiry struct {
	db   *store.DB
	idle time.Duration
	log  *slog.Logger
}

// NewExpiry returns an expiry loop; an idle time of zero means DefaultBatchIdle.
func NewExpiry(db *store.DB, idle time.Duration, log *slog.Logger) *Expiry {
	if idle <= 0 {
		idle = DefaultBatchIdle
	}
	return &Expiry{db: db, idle: idle, log: log}
}

// Run looks for idle batches until ctx ends. It looks for the first time after a 24th of the idle time (an hour by default), so that
// after a long standstill the results that have piled up come in before their batches are judged.
func (x *Expiry) Run(ctx context.Context) {
	for pause(ctx, max(x.idle/24, time.Millisecond)) {
		now := time.Now()
		n, err := x.db.ExpireBatches(ctx, now.Add(-x.idle), now)
		switch {
		case err != nil && ctx.Err() == nil:
			x.log.Error("cannot expire idle batches; the next try comes by itself", logError, err)
		case n > 0:
			x.log.Warn("batches expired: nothing has come for them", logBatches, n)
		}
	}
}
