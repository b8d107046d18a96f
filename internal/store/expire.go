package store

import (
	"context"
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// expireAtOnce bounds a transaction of ExpireBatches, so that results do not wait long behind it.
const expireAtOnce = 500

// ExpireBatches ends all unfinished batches to which nothing has happened since idleSince, and returns how many those were.
// Their ends are announced through the outbox. A batch that becomes complete later is done after all.
func (db *DB) ExpireBatches(ctx context.Context, idleSince, now time.Time) (int, error) {
	total := 0
	for {
		n := 0
		err := db.change(ctx, func(ctx context.Context, c *change) error {
			c.now = now.UTC()
			idle, err := c.tx.Idle(ctx, driver.Nanos(idleSince), expireAtOnce)
			if err != nil {
				return err
			}
			n = len(idle)
			for _, row := range idle {
				b := &batch{Batch: row}
				c.batches[b.Name()] = b
				b.end(events.BatchStateExpired, c.now)
				if err := c.announce(ctx, b); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return total, fmt.Errorf("expire batches: %w", err)
		}
		if total += n; n < expireAtOnce {
			return total, nil
		}
	}
}
