package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/expression"
	"github.com/fetchmill/fetchmill/internal/reduce"
	"github.com/fetchmill/fetchmill/internal/window"
	"github.com/fetchmill/fetchmill/internal/window/windowtest"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// windowSpec makes a spec as it travels, by the key and the source in the value, with these reductions.
func windowSpec(t testing.TB, s window.Spec, reductions ...string) window.Spec {
	t.Helper()
	var err error
	s.Reduce, err = reduce.Parse(reductions...)
	require.NoError(t, err)
	s, err = window.New(s)
	require.NoError(t, err)
	return s
}

// clicked is a result for a window.
func clicked(id string, s *window.Spec, at time.Time, n int) *events.Result {
	r := result(id, "", 0)
	r.Recipe, r.Time, r.Window = "clicks", at, s.JSON()
	r.Value = json.RawMessage(fmt.Sprintf(`{"n":%d}`, n))
	return r
}

// closeAll closes what is to be closed.
func closeAll(t testing.TB, db *DB, now, since time.Time) {
	t.Helper()
	for {
		_, more, err := db.CloseWindows(t.Context(), now, since)
		require.NoError(t, err)
		if !more {
			return
		}
	}
}

func windowsOf(t testing.TB, db *DB, q events.WindowQuery) (all []events.Window) {
	t.Helper()
	for {
		page, err := db.Windows(t.Context(), q)
		require.NoError(t, err)
		all = append(all, page.Windows...)
		if page.Next == "" {
			return all
		}
		q.After = page.Next
	}
}

// toldWindows are the windows that were announced, by the ids of the messages.
func toldWindows(t testing.TB, db *DB) map[string]events.Window {
	t.Helper()
	rows, err := db.Outbox(t.Context(), 100_000)
	require.NoError(t, err)
	told := map[string]events.Window{}
	for _, o := range rows {
		if o.Subject != events.SubjectWindowClosed {
			continue
		}
		require.Equal(t, events.TypeWindow, o.Type)
		require.NotContains(t, told, o.MsgID)
		var w events.Window
		require.NoError(t, json.Unmarshal(o.Data, &w))
		told[o.MsgID] = w
	}
	return told
}

func (r rig) testWindows(t *testing.T) {
	minute := windowSpec(t, window.Spec{Size: time.Minute, Lateness: 10 * time.Second, Idle: 30 * time.Second}, "sum(value.n) as total")
	second := func(n int) time.Time { return noon.Add(time.Duration(n-600) * time.Second) }
	t.Run("close when something newer has come, and are told and kept with their answer", func(t *testing.T) {
		db := r.open(t)
		commit(t, db, Entry{Result: clicked("a", &minute, second(0), 1)}, Entry{Result: clicked("b", &minute, second(59), 2)})
		commit(t, db, Entry{Result: clicked("c", &minute, second(69), 4)}, Entry{Result: clicked("a", &minute, second(0), 1)})
		closeAll(t, db, noon, noon)
		require.Empty(t, toldWindows(t, db), "something of the first minute may still come")
		require.Len(t, windowsOf(t, db, events.WindowQuery{State: events.WindowOpen}), 2)
		late := failed("d", "", 0)
		late.Recipe, late.Time, late.Window = "clicks", second(1), minute.JSON()
		commit(t, db, Entry{Result: late}, Entry{Result: clicked("e", &minute, second(70), 8)})
		closeAll(t, db, noon.Add(time.Second), noon)

		list := windowsOf(t, db, events.WindowQuery{Recipe: "clicks"})
		require.Len(t, list, 1)
		d, err := db.Window(t.Context(), list[0].ID)
		require.NoError(t, err)
		require.Equal(t, events.Window{
			ID: list[0].ID, Recipe: "clicks", Kind: events.WindowTumbling, Start: second(0), End: second(60), State: events.WindowClosed,
			Closed: noon.Add(time.Second), OK: 2, Failed: 1,
			Reduced: []events.Reduced{{Name: "total", Op: "sum", Of: "value.n", ReducedValue: events.ReducedValue{Value: json.RawMessage("3"), Count: 2}}},
		}, d.Window)
		require.Equal(t, events.WindowStream{
			Recipe: "clicks", Kind: events.WindowTumbling, SizeMS: 60_000, LatenessMS: 10_000, IdleMS: 30_000,
			Watermark: second(60), Sources: 1, Counted: 5,
		}, d.Stream)
		told := toldWindows(t, db)
		require.Len(t, told, 1)
		for id, w := range told {
			require.Equal(t, d.Window, w)
			require.True(t, strings.HasPrefix(id, "window.clicks."), id)
		}
	})
	t.Run("count what comes late, and tell nothing again", func(t *testing.T) {
		db := r.open(t)
		commit(t, db, Entry{Result: clicked("a", &minute, second(0), 1)}, Entry{Result: clicked("b", &minute, second(70), 2)})
		commit(t, db, Entry{Result: clicked("c", &minute, second(5), 4)}) // before it is told
		closeAll(t, db, noon, noon)
		for range 2 { // the second time it is not new
			commit(t, db, Entry{Result: clicked("d", &minute, second(6), 8)})
		}
		commit(t, db, Entry{Result: clicked("e", &minute, second(-100), 8)}) // of a window that nothing else was in
		closeAll(t, db, noon, noon)
		list := windowsOf(t, db, events.WindowQuery{})
		require.Len(t, list, 1)
		require.EqualValues(t, 2, list[0].Late)
		require.EqualValues(t, 1, list[0].OK)
		d, err := db.Window(t.Context(), list[0].ID)
		require.NoError(t, err)
		require.EqualValues(t, 3, d.Stream.Late)
		require.Equal(t, "1", string(d.Reduced[0].Value))
		require.Len(t, toldWindows(t, db), 1)
		require.Equal(t, WindowCounts{Counted: 2, Late: 3, Closed: 1}, db.WindowCounts())
	})
	t.Run("close by the clock when nothing comes any more", func(t *testing.T) {
		db := r.open(t)
		commit(t, db, Entry{Result: clicked("a", &minute, second(595), 1)})
		closeAll(t, db, noon.Add(29*time.Second), noon.Add(-time.Hour))
		require.Empty(t, toldWindows(t, db), "the source may only be slow")
		closeAll(t, db, noon.Add(time.Hour), noon.Add(time.Hour).Add(-29*time.Second))
		require.Empty(t, toldWindows(t, db), "nobody has listened for long enough")
		closeAll(t, db, noon.Add(30*time.Second), noon.Add(-time.Hour))
		require.Len(t, toldWindows(t, db), 1)
	})
	t.Run("are those of sessions, which what comes between makes one", func(t *testing.T) {
		db := r.open(t)
		s := windowSpec(t, window.Spec{Gap: 30 * time.Second, Lateness: 10 * time.Minute, Idle: time.Second, By: "key"}, "sum(value.n) as total", "count by value.n")
		click := func(id, key string, at time.Time, n int) Entry {
			one := clicked(id, &s, at, n)
			one.Key = key
			return Entry{Result: one}
		}
		commit(t, db, click("a", "ada", second(0), 1))
		commit(t, db, click("b", "ada", second(40), 2), click("c", "bob", second(20), 4))
		require.Len(t, windowsOf(t, db, events.WindowQuery{Recipe: "clicks", Key: "ada", State: events.WindowOpen}), 2)
		commit(t, db, click("d", "ada", second(20), 8))
		list := windowsOf(t, db, events.WindowQuery{Recipe: "clicks", Key: "ada", State: events.WindowOpen})
		require.Len(t, list, 1)
		require.Equal(t, second(0), list[0].Start)
		require.Equal(t, second(70), list[0].End)
		open, err := db.Window(t.Context(), list[0].ID)
		require.NoError(t, err)
		closeAll(t, db, noon.Add(time.Hour), noon)
		closed, err := db.Window(t.Context(), list[0].ID)
		require.NoError(t, err)
		require.Equal(t, "11", string(closed.Reduced[0].Value))
		require.Len(t, closed.Reduced[1].Keys, 3)
		require.Equal(t, open.Reduced, closed.Reduced)
		require.Len(t, toldWindows(t, db), 2)
	})
	t.Run("of a recipe that was changed are apart", func(t *testing.T) {
		db := r.open(t)
		other := windowSpec(t, window.Spec{Size: time.Minute, Slide: 30 * time.Second, Idle: time.Second})
		commit(t, db, Entry{Result: clicked("a", &minute, second(0), 1)}, Entry{Result: clicked("b", &other, second(0), 1)})
		closeAll(t, db, noon.Add(time.Hour), noon)
		require.Len(t, toldWindows(t, db), 3)
		page, err := db.Windows(t.Context(), events.WindowQuery{})
		require.NoError(t, err)
		require.Len(t, page.Streams, 2)
		require.Empty(t, page.Windows[0].Reduced)
	})
	t.Run("leave a result as it is that comes with none that can be read", func(t *testing.T) {
		db := r.open(t)
		for i, bad := range []string{`{}`, `x`, `{"size_ms":1}`, `[]`} {
			one := result(fmt.Sprint("a", i), "", 0)
			one.Window = json.RawMessage(bad)
			require.True(t, commit(t, db, Entry{Result: one})[0].New)
		}
		require.Empty(t, windowsOf(t, db, events.WindowQuery{State: events.WindowOpen}))
	})
	t.Run("are listed in pages, and questions that make no sense are refused", func(t *testing.T) {
		db := r.open(t)
		s := windowSpec(t, window.Spec{Size: time.Second, Idle: time.Second, By: "value.n"})
		var entries []Entry
		for i := range 50 {
			entries = append(entries, Entry{Result: clicked(fmt.Sprint("a", i), &s, second(i/5), i%5)})
		}
		commit(t, db, entries...)
		closeAll(t, db, noon.Add(time.Hour), noon)
		all := windowsOf(t, db, events.WindowQuery{Limit: 7})
		require.Len(t, all, 50)
		require.True(t, slices.IsSortedFunc(all, func(a, b events.Window) int { return b.End.Compare(a.End) }))
		require.Len(t, windowsOf(t, db, events.WindowQuery{Recipe: "clicks", Key: "3", Limit: 3}), 10)
		require.Empty(t, windowsOf(t, db, events.WindowQuery{Recipe: "other"}))
		for want, q := range map[string]events.WindowQuery{
			"key needs a recipe": {Key: "a"}, "unknown state": {State: "shut"}, "is not a place": {After: "x"}, "is not between": {Limit: -1},
		} {
			_, err := db.Windows(t.Context(), q)
			require.ErrorIs(t, err, ErrQuery)
			require.ErrorContains(t, err, want)
		}
		_, err := db.Window(t.Context(), "x")
		require.ErrorIs(t, err, ErrQuery)
		d, err := db.Window(t.Context(), "123456")
		require.NoError(t, err)
		require.Nil(t, d)
	})
	t.Run("are forgotten when they are too old or too many", func(t *testing.T) {
		db := r.open(t)
		s := windowSpec(t, window.Spec{Size: time.Second, Idle: time.Second})
		var entries []Entry
		for i := range 500 {
			entries = append(entries, Entry{Result: clicked(fmt.Sprint("a", i), &s, second(i), 1)})
		}
		commit(t, db, entries...)
		closeAll(t, db, noon, noon)
		require.Len(t, windowsOf(t, db, events.WindowQuery{}), 499)
		n, err := db.PruneWindows(t.Context(), "clicks", Keep{Count: 20}, noon)
		require.NoError(t, err)
		require.Equal(t, 479, n)
		n, err = db.PruneWindows(t.Context(), "clicks", Keep{Age: time.Hour}, noon.Add(time.Hour))
		require.NoError(t, err)
		require.Zero(t, n)
		n, err = db.PruneWindows(t.Context(), "clicks", Keep{Age: time.Hour}, noon.Add(time.Hour+time.Second))
		require.NoError(t, err)
		require.Equal(t, 20, n)
		require.Len(t, windowsOf(t, db, events.WindowQuery{State: events.WindowOpen}), 1)
	})
}

// windowCase is a kind of windows for the tests against the model.
type windowCase struct {
	name string
	spec window.Spec
}

func windowCases(t testing.TB) []windowCase {
	t.Helper()
	reductions := []string{"sum(value.n) as total by value.kind", "count by status", "distinct(value.n)", "quantiles(value.n)", "top(value.kind)"}
	base := window.Spec{Lateness: 20 * time.Second, Idle: 40 * time.Second, By: "value.key", Source: "value.source", Time: "value.at"}
	tumbling, sliding, session, plain := base, base, base, base
	tumbling.Size = time.Minute
	sliding.Size, sliding.Slide = time.Minute, 25*time.Second
	session.Gap = 15 * time.Second
	plain.Size = time.Minute
	return []windowCase{
		{"tumbling", windowSpec(t, tumbling, reductions...)},
		{"sliding", windowSpec(t, sliding, reductions...)},
		{"session", windowSpec(t, session, reductions...)},
		{"plain", windowSpec(t, plain)},
	}
}

// arrive makes a random result, with what it is for the model.
func arrive(rnd *rand.Rand, id string, s *window.Spec, happened time.Time) (*events.Result, windowtest.Arrival) {
	a := windowtest.Arrival{
		ID: id, At: happened.UnixMilli(), Key: []string{"a", "b", "c"}[rnd.IntN(3)], Source: []string{"x", "y"}[rnd.IntN(2)], Skip: rnd.IntN(20) == 0,
	}
	r := result(id, "", 0)
	if rnd.IntN(5) == 0 {
		r = failed(id, "", 0)
	}
	r.Recipe, r.Window = "clicks", s.JSON()
	at := fmt.Sprintf("%q", happened.Format(time.RFC3339Nano))
	if a.Skip {
		at = `"soon"`
	}
	r.Value = json.RawMessage(fmt.Sprintf(`{"at":%s,"key":%q,"source":%q,"n":%g,"kind":"k%d"}`, at, a.Key, a.Source, rnd.NormFloat64(), rnd.IntN(4)))
	return r, a
}

// sameWindows compares all windows that a database has, and what it has told of them, with a model.
func sameWindows(t testing.TB, db *DB, m *windowtest.Model, results map[string]*events.Result) {
	t.Helper()
	p, err := window.Compile(m.Spec)
	require.NoError(t, err)
	var want, got []string
	exact := m.Spec.Gap == 0 // to which session a late result would have belonged is not always clear
	show := func(key string, start, end int64, ok, failed, late int64, told bool, answers []events.Reduced) string {
		if !exact {
			late = 0
		}
		return fmt.Sprintf("%s %d-%d ok %d failed %d late %d told %v %s", key, start, end, ok, failed, late, told, mustJSON(t, answers))
	}
	for _, w := range m.Windows {
		var ok, bad int64
		var answers []events.Reduced
		if p.Reductions != nil {
			tally := p.Reductions.NewTally()
			for _, a := range w.In {
				j, err := p.Reductions.Judge(context.Background(), expression.NewMachine(expression.ForResult), results[a.ID])
				require.NoError(t, err)
				tally.Add(j)
			}
			answers = tally.Answer()
		}
		for _, a := range w.In {
			if results[a.ID].Status == events.StatusOK {
				ok++
			} else {
				bad++
			}
		}
		want = append(want, show(w.Key, w.Start, w.End, ok, bad, w.Late, w.Told, answers))
	}
	byID := map[string]events.Window{}
	for _, state := range []events.WindowState{events.WindowOpen, events.WindowClosed} {
		for _, w := range windowsOf(t, db, events.WindowQuery{Recipe: "clicks", State: state}) {
			d, err := db.Window(t.Context(), w.ID)
			require.NoError(t, err)
			got = append(got, show(w.Key, w.Start.UnixMilli(), w.End.UnixMilli(), w.OK, w.Failed, w.Late, state == events.WindowClosed, d.Reduced))
			if state == events.WindowClosed {
				d.Late = 0
				byID[w.ID] = d.Window
			}
		}
	}
	require.ElementsMatch(t, want, got)
	told := map[string]events.Window{}
	for _, w := range toldWindows(t, db) {
		told[w.ID] = w
	}
	require.Equal(t, byID, told, "each window that has closed was told once, as it is kept")
	streams, err := db.windowStreams(t.Context(), "clicks")
	require.NoError(t, err)
	require.Len(t, streams, 1)
	s := streams[0]
	require.Equal(t, []int64{m.Counted, m.Late, m.Skipped, m.Watermark}, []int64{s.Counted, s.Late, s.Skipped, s.Watermark.UnixMilli()})
}

// testWindowsEqualModel commits random results in random groups, and some again; silence falls, and windows are closed in between.
func (r rig) testWindowsEqualModel(t *testing.T) {
	for _, c := range windowCases(t) {
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(c.name, " seed ", seed), func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, 12))
				now := noon
				k := r.killed(t, rnd, Options{Now: func() time.Time { return now }})
				m := windowtest.New(c.spec)
				results, arrivals := map[string]*events.Result{}, map[string]windowtest.Arrival{}
				stored := map[string]bool{}
				for round := range 40 {
					now = now.Add(time.Duration(rnd.IntN(20_000)) * time.Millisecond)
					var fresh []Entry
					for i := range rnd.IntN(25) {
						id := fmt.Sprint("item", round, "-", i)
						late := time.Duration(rnd.IntN(1+rnd.IntN(90_000))) * time.Millisecond
						one, a := arrive(rnd, id, &c.spec, now.Add(-late))
						results[id], arrivals[id] = one, a
						fresh = append(fresh, Entry{Result: one})
					}
					for range rnd.IntN(8) { // what came before comes again
						if ids := slices.Sorted(maps.Keys(results)); len(ids) > 0 {
							fresh = append(fresh, Entry{Result: results[ids[rnd.IntN(len(ids))]]})
						}
					}
					group, _ := k.commit(t, fresh)
					for _, e := range group {
						if a := arrivals[e.Result.ID]; !stored[e.Result.ID] {
							stored[e.Result.ID] = true
							a.Now = now.UnixMilli()
							m.Add(a)
						}
					}
					if rnd.IntN(5) == 0 {
						now = now.Add(time.Duration(rnd.IntN(120)) * time.Second) // silence
					}
					if rnd.IntN(3) == 0 {
						closeAll(t, k.db, now, noon)
						m.Tick(now.UnixMilli(), noon.UnixMilli())
					}
				}
				sameWindows(t, k.db, m, results)
				now = now.Add(time.Hour)
				closeAll(t, k.db, now, noon)
				m.Tick(now.UnixMilli(), noon.UnixMilli())
				sameWindows(t, k.db, m, results)
				require.Positive(t, m.Late)
				require.Greater(t, len(m.Windows), 20)
				require.Empty(t, windowsOf(t, k.db, events.WindowQuery{State: events.WindowOpen}), "all have closed")
			})
		}
	}
}

// inCommittedOrder is the arrivals in the order in which a database has taken them in.
func inCommittedOrder(t *testing.T, db *DB, arrivals map[string]windowtest.Arrival) (list []windowtest.Arrival) {
	t.Helper()
	for _, r := range everything(t, db, events.ResultQuery{Limit: 500}) {
		list = append(list, arrivals[r.ID])
	}
	require.Len(t, list, len(arrivals))
	return list
}
