//go:build external

package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/window/windowtest"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// sqlKillOne ends the connection of one of the others, as when a server is restarted or a network breaks.
const sqlKillOne = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'fetchmill' ORDER BY random() LIMIT 1`

// TestReplicasEqualModel lets several processes' worth of databases commit the same entries, each one more than once, in random order and
// groups, at the same time, while connections are killed at random; whoever gets an error commits again. Meanwhile somebody follows.
func TestReplicasEqualModel(t *testing.T) {
	r := startPostgres(t)
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			url := r.fresh(t)
			entries, m := overlapping(t, rand.New(rand.NewPCG(seed, 2)))
			var left, errs atomic.Int64
			left.Store(3)
			var work sync.WaitGroup
			for replica := range uint64(3) {
				db := openAt(t, url)
				work.Go(func() {
					defer left.Add(-1)
					commitAll(t, db, rand.New(rand.NewPCG(seed, 10+replica)), entries, &errs)
				})
			}
			seen := map[string]int{}
			reader := openAt(t, url)
			work.Go(func() { follow(t, reader, &left, seen) })
			kills := killUntil(t, r, url, func() bool { return left.Load() == 0 })
			work.Wait()
			t.Log(kills, "connections killed,", errs.Load(), "commits failed")
			require.Positive(t, kills)
			require.Positive(t, errs.Load())

			db := openAt(t, url)
			require.Equal(t, tally(m.all()), countsOf(t, db, ""))
			require.Len(t, seen, len(m.results), "a follower misses nothing")
			for id, n := range seen {
				require.Equal(t, 1, n, "a follower sees each result once: %s", id)
			}
			require.ElementsMatch(t, m.told, announced(t, db))
			reduced := newReducedModel()
			for _, e := range entries {
				if e.Result != nil {
					reduced.add(t, e.Result)
				}
			}
			reduced.check(t, db)
			for name, b := range m.batches {
				got := batchOf(t, db, name)
				require.Equal(t, b.state, got.State, name)
				require.EqualValues(t, len(b.items), got.Ended(), name)
				require.Equal(t, tally(m.of(b)), countsOf(t, db, name), name)
				require.Len(t, everything(t, db, events.ResultQuery{Batch: name, Order: events.OrderIndex, Limit: 50}), len(b.items), name)
			}
		})
	}
}

// overlapping makes entries whose outcome is the same in any order: items that are in one batch, in several or in none, and the ends of
// all batches; and the model of that outcome.
func overlapping(t *testing.T, rnd *rand.Rand) ([]Entry, *model) {
	t.Helper()
	m := newModel()
	reductionSpec := specJSON(t, "count by status", "sum(value.n) as total by value.kind", "stddev(value.n)", "quantiles(value.n)", "distinct(value.n)", "top(value.kind)")
	var entries []Entry
	items := map[string]map[string]bool{}
	for n := range 1500 {
		e := Entry{Result: result(fmt.Sprint("item", n%1000), []string{"", "b1", "b2", "b3"}[rnd.IntN(4)], int64(n))}
		switch n % 1000 % 5 {
		case 0:
			e.Result.Status, e.Result.Reason = events.StatusFailed, events.ReasonTimeout
		case 1:
			e.Result.Status, e.Result.Reason = events.StatusCancelled, events.ReasonCancelled
		}
		own := rand.New(rand.NewPCG(uint64(n%1000), 3))
		e.Result.Value = fmt.Appendf(nil, `{"n":%g,"kind":"k%d"}`, own.NormFloat64(), n%1000%7)
		e.Result.Reduce = reductionSpec
		entries = append(entries, e)
		if name := e.Result.Batch; name != "" {
			if items[name] == nil {
				items[name] = map[string]bool{}
			}
			items[name][e.Result.ID] = true
		}
	}
	for name, in := range items {
		entries = append(entries, record(name, events.BatchOpen, 0), record(name, events.BatchClose, int64(len(in))))
	}
	for _, e := range entries {
		m.add(e)
	}
	return entries, m
}

// commitAll commits all entries twice, in random groups.
func commitAll(t *testing.T, db *DB, rnd *rand.Rand, entries []Entry, errs *atomic.Int64) {
	t.Helper()
	for range 2 {
		order := rnd.Perm(len(entries))
		for len(order) > 0 {
			var group []Entry
			for _, i := range order[:min(len(order), 1+rnd.IntN(60))] {
				group = append(group, entries[i])
			}
			order = order[len(group):]
			for _, err := db.Commit(context.Background(), group); err != nil; _, err = db.Commit(context.Background(), group) {
				if errs.Add(1); t.Failed() {
					return
				}
			}
		}
	}
}

// follow reads on from where it is until the others have ended and there is nothing left.
func follow(t *testing.T, db *DB, left *atomic.Int64, seen map[string]int) {
	t.Helper()
	q := events.ResultQuery{Limit: 100}
	for {
		last := left.Load() == 0
		page, err := db.Results(context.Background(), q)
		if err != nil { // killed, like the others
			continue
		}
		for _, r := range page.Results {
			seen[r.ID]++
		}
		if len(page.Results) > 0 {
			q.After = page.Next
		} else if last {
			return
		}
	}
}

// killUntil kills connections until the end has come, and tells how many.
func killUntil(t *testing.T, r rig, url string, end func() bool) (kills int) {
	t.Helper()
	db, err := r.connect(url)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for pace := time.NewTicker(25 * time.Millisecond); !end(); <-pace.C {
		var killed bool
		if db.QueryRowContext(t.Context(), sqlKillOne).Scan(&killed) == nil && killed {
			kills++
		}
	}
	return kills
}

// TestReplicasOfWindowsEqualModel lets several sinks take the same results into windows and close these, while their connections are killed.
// Which results are late depends on who comes first; the order in which they were committed tells.
func TestReplicasOfWindowsEqualModel(t *testing.T) {
	r := startPostgres(t)
	for _, c := range windowCases(t) {
		t.Run(c.name, func(t *testing.T) {
			url := r.fresh(t)
			rnd := rand.New(rand.NewPCG(5, 13))
			results, arrivals := map[string]*events.Result{}, map[string]windowtest.Arrival{}
			var entries []Entry
			for i := range 1200 {
				id := fmt.Sprint("item", i)
				happened := noon.Add(time.Duration(i-1200)*time.Second/2 - time.Duration(rnd.IntN(1+rnd.IntN(60_000)))*time.Millisecond)
				one, a := arrive(rnd, id, &c.spec, happened)
				a.Now = noon.UnixMilli()
				results[id], arrivals[id] = one, a
				entries = append(entries, Entry{Result: one})
			}
			var left, errs atomic.Int64
			left.Store(3)
			var work sync.WaitGroup
			for replica := range uint64(3) {
				db := openAt(t, url)
				work.Go(func() {
					defer left.Add(-1)
					commitNearly(t, db, rand.New(rand.NewPCG(replica, 14)), entries, &errs)
				})
				work.Go(func() {
					for left.Load() > 0 && !t.Failed() {
						if _, _, err := db.CloseWindows(context.Background(), noon, noon); err != nil {
							errs.Add(1)
						}
					}
				})
			}
			kills := killUntil(t, r, url, func() bool { return left.Load() == 0 })
			work.Wait()
			t.Log(kills, "connections killed,", errs.Load(), "transactions failed")
			require.Positive(t, kills)

			db := openAt(t, url)
			m := windowtest.New(c.spec)
			for _, a := range inCommittedOrder(t, db, arrivals) {
				m.Add(a)
			}
			m.Tick(noon.UnixMilli(), noon.UnixMilli())
			closeAll(t, db, noon, noon)
			sameWindows(t, db, m, results)
			later := noon.Add(time.Hour)
			m.Tick(later.UnixMilli(), noon.UnixMilli())
			closeAll(t, db, later, noon)
			sameWindows(t, db, m, results)
			require.Positive(t, m.Late)
			require.Positive(t, m.Counted)
		})
	}
}

// commitNearly commits all entries in random groups, nearly in their order, and some of them twice.
func commitNearly(t *testing.T, db *DB, rnd *rand.Rand, entries []Entry, errs *atomic.Int64) {
	t.Helper()
	for from := 0; from < len(entries); {
		n := min(len(entries)-from, 1+rnd.IntN(60))
		group := slices.Clone(entries[max(0, from-rnd.IntN(60)) : from+n])
		rnd.Shuffle(len(group), func(i, j int) { group[i], group[j] = group[j], group[i] })
		for _, err := db.Commit(context.Background(), group); err != nil; _, err = db.Commit(context.Background(), group) {
			if errs.Add(1); t.Failed() {
				return
			}
		}
		from += n
	}
}
