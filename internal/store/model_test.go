package store

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// model is what the database should contain, said as plainly as possible: entries one after the other, in maps.
type model struct {
	results map[string]events.Result
	order   []string
	batches map[string]*modelBatch
	told    []string
}

type modelBatch struct {
	items  map[string]bool // ids that count in it
	state  events.BatchState
	total  int64
	cancel bool
	ends   int
}

func newModel() *model {
	return &model{results: map[string]events.Result{}, batches: map[string]*modelBatch{}}
}

func (m *model) add(e Entry) {
	var name string
	if e.Record != nil {
		name = e.Record.Batch
	} else {
		name = e.Result.Batch
		if _, known := m.results[e.Result.ID]; !known {
			m.results[e.Result.ID] = *e.Result
			m.order = append(m.order, e.Result.ID)
		}
	}
	if name == "" {
		return
	}
	b := m.batches[name]
	if b == nil {
		b = &modelBatch{items: map[string]bool{}, state: events.BatchStateOpen, total: -1}
		m.batches[name] = b
	}
	finished := b.state == events.BatchStateDone || b.state == events.BatchStateCancelled
	switch {
	case e.Result != nil:
		b.items[e.Result.ID] = true
	case e.Record.Action == events.BatchCancel && !finished:
		b.cancel = true
	case e.Record.Action == events.BatchClose && e.Record.Total > b.total:
		b.total = e.Record.Total
		if b.state == events.BatchStateDone {
			b.state, finished = events.BatchStateClosed, false
		}
	}
	if finished {
		return
	}
	ended := int64(len(b.items)) >= b.total
	if b.total >= 0 {
		b.state = events.BatchStateClosed
	}
	switch {
	case b.cancel && ended: // an unknown total is -1
		b.state = events.BatchStateCancelled
	case b.total >= 0 && ended:
		b.state = events.BatchStateDone
	default:
		return
	}
	id := fmt.Sprintf("batch.%s.%s", name, b.state)
	if b.ends++; b.ends > 1 {
		id += fmt.Sprintf(".%d", b.total)
	}
	m.told = append(m.told, id)
}

// all lists the results in the order in which they came.
func (m *model) all() (all []events.Result) {
	for _, id := range m.order {
		all = append(all, m.results[id])
	}
	return all
}

// of lists the results of a batch.
func (m *model) of(b *modelBatch) (in []events.Result) {
	for _, id := range slices.Sorted(maps.Keys(b.items)) {
		in = append(in, m.results[id])
	}
	return in
}

// check compares everything that can be asked with the model.
func (m *model) check(t *testing.T, db *DB) {
	t.Helper()
	all := m.all()
	require.Equal(t, all, everything(t, db, events.ResultQuery{Limit: 7}))
	require.Equal(t, tally(all), countsOf(t, db, ""))
	require.Equal(t, m.told, announced(t, db))
	for name, b := range m.batches {
		in := m.of(b)
		got := batchOf(t, db, name)
		require.Equal(t, b.state, got.State, name)
		require.Equal(t, b.total, got.Total, name)
		require.EqualValues(t, len(in), got.Ended(), name)
		require.Equal(t, tally(in), countsOf(t, db, name), name)
		for _, order := range []events.ResultOrder{events.OrderCommitted, events.OrderNewest, events.OrderIndex} {
			var ids []string
			for _, r := range everything(t, db, events.ResultQuery{Batch: name, Order: order, Limit: 3}) {
				require.Equal(t, name, r.Batch)
				ids = append(ids, r.ID)
			}
			require.ElementsMatch(t, slices.Collect(maps.Keys(b.items)), ids, "%s by %s", name, order)
		}
	}
}

func everything(t *testing.T, db *DB, q events.ResultQuery) []events.Result {
	t.Helper()
	var all []events.Result
	for {
		page, err := db.Results(t.Context(), q)
		require.NoError(t, err)
		if len(page.Results) == 0 {
			return all
		}
		all = append(all, page.Results...)
		q.After = page.Next
	}
}

func countsOf(t *testing.T, db *DB, batch string) map[events.Count]int64 {
	t.Helper()
	table, err := db.Counts(t.Context(), events.CountQuery{Batch: batch})
	require.NoError(t, err)
	got := map[events.Count]int64{}
	for _, c := range table.Counts {
		n := c.Count
		c.Count = 0
		got[c] = n
	}
	return got
}

func tally(results []events.Result) map[events.Count]int64 {
	want := map[events.Count]int64{}
	for _, r := range results {
		want[events.Count{Recipe: r.Recipe, Status: r.Status, Reason: r.Reason}]++
	}
	return want
}

// testCommitEqualsModel commits random entries in random groups, and some again.
func (r rig) testCommitEqualsModel(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			k := r.killed(t, rnd, Options{})
			m := newModel()
			for range 40 {
				var fresh []Entry
				for range rnd.IntN(12) {
					fresh = append(fresh, randomEntry(rnd))
				}
				group, out := k.commit(t, fresh)
				for i, e := range group {
					if e.Result != nil {
						_, known := m.results[e.Result.ID]
						require.Equal(t, !known, out[i].New)
					}
					m.add(e)
					if e.Result != nil {
						require.Equal(t, m.results[e.Result.ID], *out[i].Result)
					}
				}
			}
			m.check(t, k.db)
		})
	}
}

func randomEntry(rnd *rand.Rand) Entry {
	batch := []string{"", "b1", "b2", "b3", "b4"}[rnd.IntN(5)]
	n := rnd.IntN(60)
	if batch != "" && rnd.IntN(10) == 0 {
		action := []events.BatchAction{events.BatchOpen, events.BatchClose, events.BatchClose, events.BatchClose, events.BatchCancel}[rnd.IntN(5)]
		e := record(batch, action, 0)
		if action == events.BatchClose {
			e.Record.Total = int64(rnd.IntN(50))
		}
		return e
	}
	r := result(fmt.Sprint("item", n), batch, int64(n%7))
	switch rnd.IntN(4) {
	case 0:
		r = failed(r.ID, batch, r.Index)
	case 1:
		r.Status, r.Reason = events.StatusCancelled, events.ReasonCancelled
	}
	r.Recipe = []string{"page", "json"}[rnd.IntN(2)]
	return Entry{Result: r}
}
