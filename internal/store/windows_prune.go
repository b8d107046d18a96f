package store

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/fetchmill/fetchmill/internal/store/driver"
)

// PruneWindows deletes the closed windows of a recipe that are not to be kept, and returns how many those were: those that were closed
// longer than the age ago, and those that are not among the count that end last. It does so in small transactions, as Prune does.
func (db *DB) PruneWindows(ctx context.Context, recipe string, keep Keep, now time.Time) (int, error) {
	n, err := db.pruneWindows(ctx, recipe, keep, now)
	if err != nil {
		return n, fmt.Errorf("prune windows of recipe %s: %w", recipe, err)
	}
	return n, nil
}

func (db *DB) pruneWindows(ctx context.Context, recipe string, keep Keep, now time.Time) (deleted int, err error) {
	tooOld, surplus := int64(math.MinInt64), driver.WindowPlace{End: math.MinInt64}
	if keep.Age > 0 {
		tooOld = now.Add(-max(keep.Age, keep.Least)).UnixMilli()
	}
	if keep.Count > 0 {
		last, err := db.database.NthWindow(ctx, recipe, keep.Count)
		if err != nil {
			return 0, err
		}
		if len(last) > 0 {
			surplus = last[0]
		}
	}
	after := driver.WindowPlace{End: math.MinInt64}
	for more := keep.Age > 0 || surplus.End != math.MinInt64; more; {
		err := db.database.Write(ctx, func(ctx context.Context, tx driver.Tx) error {
			rows, err := tx.OldWindows(ctx, recipe, after, pruneAtOnce)
			if err != nil {
				return err
			}
			var ids []int64
			for _, w := range rows {
				after = w.WindowPlace
				if w.Closed < tooOld || w.End < surplus.End || w.End == surplus.End && w.ID < surplus.ID {
					ids = append(ids, w.ID)
				}
			}
			// As those that end first are closed first, mostly, there are no more behind a step in which all are to be kept.
			more = len(rows) == pruneAtOnce && len(ids) > 0
			if err := tx.DropWindows(ctx, ids); err != nil {
				return err
			}
			deleted += len(ids)
			return nil
		})
		if err != nil {
			return deleted, err
		}
	}
	return deleted, nil
}
