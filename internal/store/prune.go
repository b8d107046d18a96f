package store

import (
	"context"
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// pruneAtOnce is how many results a transaction of Prune looks at, and deletes at most: some ten milliseconds of the writer's time.
const pruneAtOnce = 200

// Keep says which results of a recipe are kept: those that finished within Age, and of these the newest Count. Zero keeps all.
type Keep struct {
	Age   time.Duration
	Count int64
	// Least is how long a result is kept whatever the count, because its item could still be delivered again and would be new then.
	Least time.Duration
}

// Prune deletes the results of a recipe that are not to be kept, and returns how many those were. It does so in small transactions, so that
// commits hardly wait. Results of a batch stay as long as it has not ended, also those that it has borrowed. What Counts and Batches tell
// is about all results that ever were, and does not change; pages of a batch are missing those that were deleted.
func (db *DB) Prune(ctx context.Context, recipe string, keep Keep, now time.Time) (int, error) {
	p, err := db.newPruning(ctx, recipe, keep, now)
	if err != nil {
		return 0, fmt.Errorf("prune results of recipe %s: %w", recipe, err)
	}
	for more := p.possible(); more; {
		err := db.database.Write(ctx, func(ctx context.Context, tx driver.Tx) (err error) {
			more, err = p.step(ctx, tx)
			return err
		})
		if err != nil {
			return p.deleted, fmt.Errorf("prune results of recipe %s: %w", recipe, err)
		}
	}
	return p.deleted, nil
}

// Recipes lists those that have ever had results.
func (db *DB) Recipes(ctx context.Context) ([]string, error) {
	counts, err := db.database.Counts(ctx, 0, "")
	if err != nil {
		return nil, fmt.Errorf("list recipes: %w", err)
	}
	var names []string
	for _, c := range counts { // sorted by recipe
		if len(names) == 0 || names[len(names)-1] != c.Recipe {
			names = append(names, c.Recipe)
		}
	}
	return names, nil
}

// pruning walks along the results of a recipe, oldest first.
type pruning struct {
	recipe  string
	tooOld  int64 // what finished before goes
	surplus int64 // what has a lower number goes, if it finished before mature
	mature  int64
	after   int64 // the number that it has come to
	deleted int
}

func (db *DB) newPruning(ctx context.Context, recipe string, keep Keep, now time.Time) (*pruning, error) {
	p := &pruning{recipe: recipe, mature: driver.Nanos(now.Add(-keep.Least))}
	if keep.Age > 0 {
		p.tooOld = min(driver.Nanos(now.Add(-keep.Age)), p.mature)
	}
	if keep.Count > 0 {
		q := driver.Select{ResultQuery: events.ResultQuery{Recipe: recipe, Order: events.OrderNewest}}
		q.After = start(&q)
		last, err := db.database.Reach(ctx, q, int(keep.Count))
		if err != nil {
			return nil, err
		}
		if last != nil {
			p.surplus = last.Seq
		}
	}
	return p, nil
}

// possible tells whether anything can go at all.
func (p *pruning) possible() bool { return p.tooOld != 0 || p.surplus != 0 }

// step looks at the next results and deletes those that can go. There may be more unless all that it has seen are to be kept: results
// are committed nearly in the order of their time, and those that are late are found by a later walk, when all before them have gone.
func (p *pruning) step(ctx context.Context, tx driver.Tx) (more bool, err error) {
	rows, err := tx.Oldest(ctx, p.recipe, p.after, pruneAtOnce)
	if err != nil {
		return false, err
	}
	var seqs []int64
	for _, r := range rows {
		p.after = r.Seq
		if r.Finished < p.tooOld || r.Seq < p.surplus && r.Finished < p.mature {
			more = true
			if !r.InUse {
				seqs = append(seqs, r.Seq)
			}
		}
	}
	if err := tx.Delete(ctx, seqs); err != nil {
		return false, err
	}
	p.deleted += len(seqs)
	return more && len(rows) == pruneAtOnce, nil
}
