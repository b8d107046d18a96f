package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/fetchmill/fetchmill/internal/reduce"
	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	// mostSets is how many different sets of reductions a batch may have. Beyond, those that sort first are kept, so that it does not matter
	// which came first.
	mostSets = 16
	// mostReduced bounds the answers of a batch as JSON, in bytes: they travel in messages.
	mostReduced = 512 << 10
)

// reductions is the aggregate of what the results of batches are reduced to. Each set of reductions covers the results that came with it,
// so it does not matter which result of a batch comes first.
type reductions struct {
	bench   *reduceBench
	batches map[int64]*reducedBatch
}

// reducedBatch has the sets of a batch by their specs.
type reducedBatch struct {
	sets    map[string]*reducedSet
	dropped []int64 // sets that are stored and have to go
}

// reducedSet is a set of reductions with what is new in a transaction.
type reducedSet struct {
	driver.Reduction
	isNew bool
	plan  *reduce.Plan
	news  *reduce.Tally
}

func newReductions(b *reduceBench) *reductions {
	return &reductions{bench: b, batches: map[int64]*reducedBatch{}}
}

func (a *reductions) load(ctx context.Context, tx driver.Tx, counted []*news) error {
	var nums []int64
	asked := map[int64]bool{}
	for _, n := range counted {
		if n == nil || n.batch == nil || n.reduce == nil {
			continue
		}
		if !n.isNew { // what is stored counts, which need not be what came
			var err error
			if n.reduce, err = a.bench.judge(ctx, n.Result, n.reduce.plan.Text()); err != nil {
				return err
			}
		}
		if !asked[n.batch.Num] {
			asked[n.batch.Num] = true
			nums = append(nums, n.batch.Num)
		}
	}
	if err := a.read(ctx, tx, nums); err != nil {
		return err
	}
	for _, n := range counted {
		if n != nil && n.batch != nil && n.reduce != nil {
			a.batches[n.batch.Num].set(tx, n.batch.Num, n.reduce.plan)
		}
	}
	for _, b := range a.batches {
		b.bound()
	}
	return nil
}

// read reads the sets of batches.
func (a *reductions) read(ctx context.Context, r driver.ReducedReader, nums []int64) error {
	if len(nums) == 0 {
		return nil
	}
	list, err := r.Reductions(ctx, nums)
	if err != nil {
		return err
	}
	for _, num := range nums {
		a.batches[num] = &reducedBatch{sets: map[string]*reducedSet{}}
	}
	for _, s := range list {
		plan := a.bench.plan(s.Spec)
		if plan == nil {
			return fmt.Errorf("reductions %d of batch %d: %w", s.ID, s.Batch, reduce.ErrSpec)
		}
		a.batches[s.Batch].sets[s.Spec] = &reducedSet{Reduction: s, plan: plan}
	}
	return nil
}

// set is that of a plan, which may be new.
func (b *reducedBatch) set(tx driver.Tx, num int64, plan *reduce.Plan) {
	spec := plan.Text()
	if b.sets[spec] == nil {
		b.sets[spec] = &reducedSet{Reduction: driver.Reduction{ID: tx.Take(1) + 1, Batch: num, Spec: spec}, isNew: true, plan: plan}
	}
}

// bound keeps the sets that sort first.
func (b *reducedBatch) bound() {
	for _, s := range b.sorted()[min(mostSets, len(b.sets)):] {
		delete(b.sets, s.Spec)
		if !s.isNew {
			b.dropped = append(b.dropped, s.ID)
		}
	}
}

func (b *reducedBatch) sorted() []*reducedSet {
	list := make([]*reducedSet, 0, len(b.sets))
	for _, s := range b.sets {
		list = append(list, s)
	}
	slices.SortFunc(list, func(x, y *reducedSet) int { return cmp.Compare(x.Spec, y.Spec) })
	return list
}

func (a *reductions) add(n *news) {
	if n.batch == nil || n.reduce == nil {
		return
	}
	s := a.batches[n.batch.Num].sets[n.reduce.plan.Text()]
	if s == nil { // beyond the bound
		return
	}
	if s.news == nil {
		s.news = n.reduce.plan.NewTally()
	}
	s.news.Add(n.reduce.judgement)
}

func (a *reductions) flush(ctx context.Context, tx driver.Tx) ([]driver.OutboxRow, error) {
	var added []driver.Reduction
	var dropped []int64
	var drop []driver.ReducedKey
	var put []driver.ReducedRow
	for _, b := range a.batches {
		dropped = append(dropped, b.dropped...)
		for _, s := range b.sets {
			if s.isNew {
				added = append(added, s.Reduction)
			}
			if s.news == nil {
				continue
			}
			changes, err := s.news.Save(storedRows{ctx, tx, s.ID})
			if err != nil {
				return nil, fmt.Errorf("batch %d: %w", s.Batch, err)
			}
			for _, k := range changes.Delete {
				drop = append(drop, reducedKey(s.ID, k))
			}
			for _, r := range changes.Put {
				put = append(put, driver.ReducedRow{ReducedKey: reducedKey(s.ID, r.Key), State: r.State})
			}
		}
	}
	if err := tx.DropReductions(ctx, dropped); err != nil {
		return nil, err
	}
	if err := tx.AddReductions(ctx, added); err != nil {
		return nil, err
	}
	return nil, tx.ChangeReduced(ctx, drop, put)
}

func reducedKey(set int64, k reduce.Key) driver.ReducedKey {
	return driver.ReducedKey{Reduction: set, Part: k.Part, Name: k.Name}
}

// storedRows is a reduce.Reader of a set.
type storedRows struct {
	ctx context.Context //nolint:containedctx // it lives for one call of Save
	tx  driver.Tx
	set int64
}

// Rows is reduce.Reader's.
func (s storedRows) Rows(keys []reduce.Key) ([]reduce.Row, error) {
	list := make([]driver.ReducedKey, len(keys))
	for i, k := range keys {
		list[i] = reducedKey(s.set, k)
	}
	rows, err := s.tx.ReducedRows(s.ctx, list)
	return reducedRows(rows), err
}

// Last is reduce.Reader's.
func (s storedRows) Last(part, n int) ([]reduce.Row, error) {
	from := driver.ReducedKey{Reduction: s.set, Part: part, Name: reduce.FirstKept}
	rows, err := s.tx.LastReduced(s.ctx, from, reduce.EndOfKept, n)
	return reducedRows(rows), err
}

func reducedRows(rows []driver.ReducedRow) []reduce.Row {
	list := make([]reduce.Row, len(rows))
	for i, r := range rows {
		list[i] = reduce.Row{Key: reduce.Key{Part: r.Part, Name: r.Name}, State: r.State}
	}
	return list
}

// answers are those of a batch with what is new in a transaction; nil if it has no reductions.
func (a *reductions) answers(ctx context.Context, r driver.ReducedReader, num int64) ([]events.Reduced, error) {
	b := a.batches[num]
	if b == nil {
		if err := a.read(ctx, r, []int64{num}); err != nil {
			return nil, err
		}
		b = a.batches[num]
	}
	var tallies []*reduce.Tally
	for _, s := range b.sorted() {
		t, err := s.tally(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("reductions %d of batch %d: %w", s.ID, num, err)
		}
		tallies = append(tallies, t)
	}
	if len(tallies) == 0 {
		return nil, nil
	}
	list, err := reduce.Combine(tallies...)
	return reduce.Fit(list, mostReduced), err
}

func (s *reducedSet) tally(ctx context.Context, r driver.ReducedReader) (*reduce.Tally, error) {
	t := s.plan.NewTally()
	if !s.isNew {
		rows, err := r.Reduced(ctx, s.ID)
		if err != nil {
			return nil, err
		}
		if t, err = s.plan.Load(reducedRows(rows)); err != nil {
			return nil, err
		}
	}
	if s.news != nil {
		news, err := s.news.Copy()
		if err != nil {
			return nil, err
		}
		t.Merge(news)
	}
	return t, nil
}

// reduced answers for a batch outside of transactions.
func (db *DB) reduced(ctx context.Context, num int64) ([]events.Reduced, error) {
	return newReductions(db.bench).answers(ctx, db.database, num)
}
