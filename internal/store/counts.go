package store

import (
	"context"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// counts is the aggregate of how results ended, of all and of each batch. It needs to know nothing to add.
type counts map[countKey]int64

type countKey struct {
	batch  int64 // 0 for all results
	recipe string
	status events.Status
	reason events.Reason
}

func (counts) load(context.Context, driver.Tx, []*news) error { return nil }

func (c counts) add(n *news) {
	if n.isNew {
		c[countKey{0, n.Recipe, n.Status, n.Reason}]++
	}
	if n.batch != nil {
		c[countKey{n.batch.Num, n.Recipe, n.Status, n.Reason}]++
	}
}

func (c counts) flush(ctx context.Context, tx driver.Tx) ([]driver.OutboxRow, error) {
	sums := make([]driver.Count, 0, len(c))
	for k, n := range c {
		sums = append(sums, driver.Count{Batch: k.batch, Count: events.Count{Recipe: k.recipe, Status: k.status, Reason: k.reason, Count: n}})
	}
	return nil, tx.AddCounts(ctx, sums)
}
