package queries

import (
	"context"
	"time"

	"github.com/fetchmill/fetchmill/bench/bulk"
	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// sums is what the store keeps beside the rows.
type sums struct {
	before  int64 // the number before that of the first row
	rows    int
	batches []driver.Batch
	counts  map[kind]int64
}

type kind struct {
	batch  int64 // 0 for all rows
	recipe string
	status events.Status
	reason events.Reason
}

// begin makes the batches, and takes the numbers of the rows.
func (s *sums) begin(ctx context.Context, tx driver.Tx, rows int) (err error) {
	var names []string
	for n := 0; n < rows; n += batchRows {
		names = append(names, batchOf(n))
	}
	s.before, s.rows, s.counts = tx.Take(rows), rows, map[kind]int64{}
	s.batches, err = tx.Batches(ctx, names, driver.Nanos(time.Now()))
	return err
}

// add makes the n-th row, and counts it.
func (s *sums) add(n int) bulk.Row {
	r, b := result(n), &s.batches[n/batchRows]
	if n%batchRows == 0 {
		b.Recipe = r.Recipe
	}
	if r.Status == events.StatusOK {
		b.OK++
	} else {
		b.Failed++
	}
	s.counts[kind{0, r.Recipe, r.Status, r.Reason}]++
	s.counts[kind{b.Num, r.Recipe, r.Status, r.Reason}]++
	return bulk.Row{Seq: s.before + 1 + int64(n), Batch: b.Num, Result: r}
}

// end writes the sums.
func (s *sums) end(ctx context.Context, tx driver.Tx) error {
	counts := make([]driver.Count, 0, len(s.counts))
	for k, n := range s.counts {
		counts = append(counts, driver.Count{Batch: k.batch, Count: events.Count{Recipe: k.recipe, Status: k.status, Reason: k.reason, Count: n}})
	}
	if err := tx.UpdateBatches(ctx, s.batches, driver.Nanos(time.Now())); err != nil {
		return err
	}
	return tx.AddCounts(ctx, counts)
}
