package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/expression"
	"github.com/fetchmill/fetchmill/internal/reduce"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func specJSON(t testing.TB, texts ...string) json.RawMessage {
	t.Helper()
	s, err := reduce.Parse(texts...)
	require.NoError(t, err)
	return s.JSON()
}

// reducedModel knows which results count in which reduction of a batch, said as plainly as possible.
type reducedModel struct {
	stored map[string]*events.Result             // the first of each id
	counts map[string]map[string]map[string]bool // batch, reduction, ids
	seen   map[string]map[string]bool            // batch, ids that count in it
}

func newReducedModel() *reducedModel {
	return &reducedModel{map[string]*events.Result{}, map[string]map[string]map[string]bool{}, map[string]map[string]bool{}}
}

func (m *reducedModel) add(t testing.TB, r *events.Result) {
	t.Helper()
	if m.stored[r.ID] == nil {
		m.stored[r.ID] = r
	}
	if r.Batch == "" {
		return
	}
	if m.seen[r.Batch] == nil {
		m.seen[r.Batch], m.counts[r.Batch] = map[string]bool{}, map[string]map[string]bool{}
	}
	if m.seen[r.Batch][r.ID] {
		return
	}
	m.seen[r.Batch][r.ID] = true
	if r.Reduce == nil {
		return
	}
	s, err := reduce.Decode(r.Reduce)
	require.NoError(t, err)
	for i := range s {
		words := string(s[i : i+1].JSON())
		if m.counts[r.Batch][words] == nil {
			m.counts[r.Batch][words] = map[string]bool{}
		}
		m.counts[r.Batch][words][r.ID] = true
	}
}

// answers adds the results of each reduction up one after the other, in the order of their ids.
func (m *reducedModel) answers(t testing.TB, batch string) map[string]events.Reduced {
	t.Helper()
	want := map[string]events.Reduced{}
	for words, ids := range m.counts[batch] {
		s, err := reduce.Decode([]byte(words))
		require.NoError(t, err)
		p, err := reduce.Compile(s)
		require.NoError(t, err)
		tally := p.NewTally()
		for _, id := range slices.Sorted(maps.Keys(ids)) {
			j, err := p.Judge(context.Background(), expression.NewMachine(expression.ForResult), m.stored[id])
			require.NoError(t, err)
			tally.Add(j)
		}
		want[words] = tally.Answer()[0]
	}
	return want
}

func (m *reducedModel) check(t testing.TB, db *DB) {
	t.Helper()
	for batch := range m.seen {
		require.Equal(t, m.answers(t, batch), byWords(t, reducedOf(t, db, batch)), batch)
	}
}

func byWords(t testing.TB, list []events.Reduced) map[string]events.Reduced {
	t.Helper()
	got := map[string]events.Reduced{}
	for _, a := range list {
		r := reduce.Reduction{Name: a.Name, Op: reduce.Op(a.Op), Of: a.Of, By: a.By, Where: a.Where}
		s, err := reduce.ParseJSON([]byte("[" + string(mustJSON(t, r)) + "]"))
		require.NoError(t, err)
		got[string(s.JSON())] = a
	}
	require.Len(t, got, len(list))
	return got
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return data
}

func reducedOf(t testing.TB, db *DB, batch string) []events.Reduced {
	t.Helper()
	page, err := db.Batches(t.Context(), events.BatchQuery{Batch: batch, Reduced: true})
	require.NoError(t, err)
	require.Len(t, page.Batches, 1)
	return page.Batches[0].Reduced
}

// reducible is a random result with something to reduce.
func reducible(t testing.TB, rnd *rand.Rand, n int, batch string) *events.Result {
	t.Helper()
	r := result(fmt.Sprint("item", n), batch, int64(n))
	own := rand.New(rand.NewPCG(uint64(n), 8)) // the same item yields the same, mostly
	if rnd.IntN(20) == 0 {
		own = rnd
	}
	r.Value = mustJSON(t, map[string]any{"n": own.NormFloat64(), "i": own.Int64(), "kind": fmt.Sprint("k", own.IntN(5)), "tag": own.IntN(50)})
	if own.IntN(6) == 0 {
		r = failed(r.ID, batch, r.Index)
	}
	specs := [][]string{
		nil,
		{"count", "sum(value.n) as total by value.kind", "mean(value.i) by value.kind"},
		{"sum(value.n) as total by value.kind", "quantiles(value.n)", "top(value.tag)"},
		{"count by status", "distinct(value.tag)", "stddev(value.n)", "max(value.i)", "histogram(value.n) by value.kind"},
	}
	if texts := specs[rnd.IntN(len(specs))]; texts != nil {
		r.Reduce = specJSON(t, texts...)
	}
	return r
}

// testReductionsEqualModel commits random results in random groups, and some again.
func (r rig) testReductionsEqualModel(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 4))
			k := r.killed(t, rnd, Options{})
			m := newReducedModel()
			for range 30 {
				var fresh []Entry
				for range rnd.IntN(40) {
					fresh = append(fresh, Entry{Result: reducible(t, rnd, rnd.IntN(400), []string{"", "b1", "b1", "b2"}[rnd.IntN(4)])})
				}
				group, _ := k.commit(t, fresh)
				for _, e := range group {
					m.add(t, e.Result)
				}
			}
			m.check(t, k.db)
		})
	}
}

func (r rig) testReductions(t *testing.T) {
	t.Run("are told with the end of the batch, with what came in the same transaction", func(t *testing.T) {
		db := r.open(t)
		one, two := result("a", "b", 0), result("c", "b", 1)
		one.Value, two.Value = json.RawMessage(`{"n":1}`), json.RawMessage(`{"n":2.5}`)
		one.Reduce = specJSON(t, "sum(value.n) as total")
		two.Reduce = one.Reduce
		commit(t, db, Entry{Result: one})
		require.Equal(t, "1", string(reducedOf(t, db, "b")[0].Value))
		commit(t, db, record("b", events.BatchClose, 2), Entry{Result: two}, Entry{Result: one})
		require.Equal(t, "3.5", string(toldReduced(t, db)[0].Value))
		require.Equal(t, toldReduced(t, db), reducedOf(t, db, "b"))
	})
	t.Run("are told with an end that comes after all results", func(t *testing.T) {
		db := r.open(t)
		one := result("a", "b", 0)
		one.Reduce = specJSON(t, "count")
		commit(t, db, Entry{Result: one})
		commit(t, db, record("b", events.BatchClose, 1))
		require.Equal(t, "1", string(toldReduced(t, db)[0].Value))
	})
	t.Run("cover what a batch borrows as it is stored", func(t *testing.T) {
		db := r.open(t)
		first, second := result("a", "", 0), result("a", "b", 0)
		first.Value, second.Value = json.RawMessage(`1`), json.RawMessage(`2`)
		second.Reduce = specJSON(t, "sum")
		commit(t, db, Entry{Result: first})
		commit(t, db, Entry{Result: second}, Entry{Result: second})
		require.Equal(t, "1", string(reducedOf(t, db, "b")[0].Value))
	})
	t.Run("are not part of the result that is stored and announced", func(t *testing.T) {
		db := r.open(t)
		one := result("a", "b", 0)
		one.Reduce = specJSON(t, "count")
		require.Nil(t, commit(t, db, Entry{Result: one})[0].Result.Reduce)
		require.NotNil(t, one.Reduce, "the entry is the caller's")
	})
	t.Run("that cannot be read leave the result as it is", func(t *testing.T) {
		db := r.open(t)
		for i, bad := range []string{`[{"op":"add"}]`, `{}`, `[]`, `x`} {
			one := result(fmt.Sprint("a", i), "b", 0)
			one.Reduce = json.RawMessage(bad)
			require.True(t, commit(t, db, Entry{Result: one})[0].New)
		}
		require.Empty(t, reducedOf(t, db, "b"))
	})
	t.Run("of too many kinds are those that sort first, whatever came first", func(t *testing.T) {
		var answers [][]events.Reduced
		for _, group := range []int{1, 7, 40} {
			db := r.open(t)
			var entries []Entry
			for i := range 40 {
				one := result(fmt.Sprint("a", i), "b", 0)
				one.Reduce = specJSON(t, fmt.Sprintf("count as n%02d", i%20))
				entries = append(entries, Entry{Result: one})
			}
			rand.New(rand.NewPCG(uint64(group), 9)).Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
			for some := range slices.Chunk(entries, group) {
				commit(t, db, some...)
			}
			answers = append(answers, reducedOf(t, db, "b"))
		}
		require.Len(t, answers[0], mostSets)
		require.Equal(t, "n00", answers[0][0].Name)
		require.Equal(t, "2", string(answers[0][0].Value))
		require.Equal(t, answers[0], answers[1])
		require.Equal(t, answers[0], answers[2])
	})
	t.Run("tell more keys apart than there is room for, and the others together", func(t *testing.T) {
		db := r.open(t)
		var entries []Entry
		for i := range 1500 {
			one := result(fmt.Sprint("a", i), "b", 0)
			one.Value, one.Reduce = mustJSON(t, fmt.Sprintf("%04d", i)), specJSON(t, "count by value")
			entries = append(entries, Entry{Result: one})
		}
		rand.New(rand.NewPCG(1, 10)).Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		for some := range slices.Chunk(entries, 400) {
			commit(t, db, some...)
		}
		a := reducedOf(t, db, "b")[0]
		require.Len(t, a.Keys, 1000)
		require.Equal(t, "0999", a.Keys[999].Key)
		require.Equal(t, "500", string(a.Others.Value))
		require.EqualValues(t, 1500, a.Count)
	})
	t.Run("keep names with any character", func(t *testing.T) {
		db := r.open(t)
		one := result("a", "b", 0)
		one.Value, one.Reduce = json.RawMessage(`"\u0000 ünï 'x' \\ \ufffe"`), specJSON(t, "count by value", "top(value)")
		commit(t, db, Entry{Result: one})
		require.Equal(t, "\ufffd ünï 'x' \\ \ufffe", reducedOf(t, db, "b")[0].Keys[0].Key)
	})
	t.Run("are asked for with the name of a batch only", func(t *testing.T) {
		_, err := r.open(t).Batches(t.Context(), events.BatchQuery{Reduced: true})
		require.ErrorIs(t, err, ErrQuery)
		require.ErrorContains(t, err, "needs a batch")
	})
}

// toldReduced is what the last end of a batch was told with.
func toldReduced(t testing.TB, db *DB) []events.Reduced {
	t.Helper()
	rows, err := db.Outbox(t.Context(), 100)
	require.NoError(t, err)
	require.NotEmpty(t, rows)
	var b events.Batch
	require.NoError(t, json.Unmarshal(rows[len(rows)-1].Data, &b))
	require.NotEmpty(t, b.Reduced)
	return b.Reduced
}

// testReductionsOfMany lets several commit results of new reductions at the same time, as the sink does.
func (r rig) testReductionsOfMany(t *testing.T) {
	db := r.open(t)
	var specs []json.RawMessage
	for round := range 30 {
		specs = append(specs, specJSON(t, fmt.Sprintf("count as n%d", round)))
	}
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for round, spec := range specs {
				var entries []Entry
				for i := range 20 {
					one := result(fmt.Sprint(n, "-", round, "-", i), fmt.Sprint("b", round), 0)
					one.Reduce = spec
					entries = append(entries, Entry{Result: one})
				}
				if _, err := db.Commit(context.Background(), entries); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for round := range 30 {
		require.Equal(t, "80", string(reducedOf(t, db, fmt.Sprint("b", round))[0].Value))
	}
}
