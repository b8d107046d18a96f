package window_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/window"
	"github.com/fetchmill/fetchmill/internal/window/windowtest"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func plan(t testing.TB, s window.Spec) *window.Plan {
	t.Helper()
	s, err := window.New(s)
	require.NoError(t, err)
	p, err := window.Compile(s)
	require.NoError(t, err)
	return p
}

// shown is a window as both the model and the boards have it.
type shown struct {
	Key        string
	Start, End int64
	OK, Late   int64
	Told       bool
}

func sorted(list []shown) []shown {
	slices.SortFunc(list, func(a, b shown) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.End, b.End), cmp.Compare(a.Start, b.Start))
	})
	return list
}

// shelf keeps windows as a database does, and lends boards what they ask for.
type shelf struct {
	plan     *window.Plan
	progress *window.Progress
	panes    map[int64]*window.Pane
	told     map[int64]bool
	last     int64
	counts   [3]int64
}

func (s *shelf) transaction(list []windowtest.Arrival) {
	b := window.NewBoard(s.plan, s.progress)
	ranges := map[string]window.Span{}
	for _, a := range list {
		r, known := ranges[a.Key]
		if !known {
			r = window.Span{Start: math.MaxInt64, End: math.MinInt64}
		}
		ranges[a.Key] = window.Span{Start: min(r.Start, a.At), End: max(r.End, s.plan.Reach(a.At).End)}
	}
	for id, p := range s.panes {
		if r := ranges[p.Key]; !s.told[id] && p.End > r.Start && p.Start < r.End {
			lent := *p
			lent.Changed, lent.Merged = false, nil
			b.Put(&lent)
		}
	}
	for _, a := range list {
		j := window.Judgement{Skipped: a.Skip, At: a.At, Key: a.Key, Source: a.Source, Status: events.StatusOK}
		s.counts[b.Add(j, a.Now)]++
	}
	for _, p := range b.Changed() {
		if p.ID == 0 {
			s.last++
			p.ID = s.last
		}
		for _, id := range p.Merged {
			delete(s.panes, id)
		}
		s.panes[p.ID] = p
	}
	for m, n := range b.Missed {
		for id, p := range s.panes {
			if s.told[id] && p.Key == m.Key && p.Span == m.Span {
				p.Late += n
			}
		}
	}
}

func (s *shelf) tick(now, since int64) {
	next := int64(math.MaxInt64)
	for id, p := range s.panes {
		if !s.told[id] {
			next = min(next, p.End)
		}
	}
	if next == math.MaxInt64 {
		return
	}
	s.progress.Tick(&s.plan.Spec, now, since, next)
	for id, p := range s.panes {
		if s.progress.Closed(p.End) {
			s.told[id] = true
		}
	}
}

// TestBoardEqualsModel lets random results come in random transactions, and silences between, and compares with the plain model.
func TestBoardEqualsModel(t *testing.T) {
	specs := map[string]window.Spec{
		"tumbling": {Size: 10 * time.Second, Lateness: 3 * time.Second, Idle: 5 * time.Second},
		"sliding":  {Size: 10 * time.Second, Slide: 3 * time.Second, Lateness: 2 * time.Second, Idle: 5 * time.Second},
		"session":  {Gap: 4 * time.Second, Lateness: 3 * time.Second, Idle: 5 * time.Second},
		"no mercy": {Size: time.Second, Idle: time.Second},
	}
	for name, spec := range specs {
		for seed := range uint64(40) {
			t.Run(fmt.Sprint(name, " seed ", seed), func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, 1))
				s := &shelf{plan: plan(t, spec), progress: window.NewProgress(), panes: map[int64]*window.Pane{}, told: map[int64]bool{}}
				m := windowtest.New(s.plan.Spec)
				now := int64(1_000_000)
				since := now
				for range 60 {
					now += rnd.Int64N(4000)
					var list []windowtest.Arrival
					for range rnd.IntN(12) {
						now += rnd.Int64N(50)
						a := windowtest.Arrival{
							At: now - rnd.Int64N(1+rnd.Int64N(20_000)), Now: now, Key: []string{"", "a", "b"}[rnd.IntN(3)],
							Source: []string{"x", "y"}[rnd.IntN(2)], Skip: rnd.IntN(30) == 0,
						}
						switch rnd.IntN(40) {
						case 0:
							a.At = now + rnd.Int64N(48*3600*1000) // a wrong clock
						case 1:
							a.At = -rnd.Int64N(100_000) // before 1970
						}
						list = append(list, a)
						m.Add(a)
					}
					s.transaction(list)
					if rnd.IntN(8) == 0 {
						now += rnd.Int64N(20_000) // silence
					}
					if rnd.IntN(20) == 0 {
						since = now // somebody listens anew
					}
					if rnd.IntN(2) == 0 {
						m.Tick(now, since)
						s.tick(now, since)
					}
				}
				var want, got []shown
				for _, w := range m.Windows {
					want = append(want, shown{w.Key, w.Start, w.End, int64(len(w.In)), w.Late, w.Told})
				}
				for id, p := range s.panes {
					got = append(got, shown{p.Key, p.Start, p.End, p.OK, p.Late, s.told[id]})
				}
				if spec.Gap > 0 { // to which session a late one would have belonged is not always clear
					for _, list := range [][]shown{want, got} {
						for i := range list {
							list[i].Late = 0
						}
					}
				}
				require.Equal(t, sorted(want), sorted(got))
				require.Equal(t, m.Watermark, s.progress.Watermark)
				require.Equal(t, [3]int64{m.Counted, m.Late, m.Skipped}, s.counts)
				require.Positive(t, m.Counted)
				require.Positive(t, m.Late)
			})
		}
	}
}

func TestSpans(t *testing.T) {
	ms := func(s window.Spec) *window.Spec {
		s, err := window.New(s)
		require.NoError(t, err)
		return &s
	}
	tumbling := ms(window.Spec{Size: 10 * time.Second, Idle: time.Second})
	require.Equal(t, []window.Span{{10_000, 20_000}}, tumbling.Spans(10_000))
	require.Equal(t, []window.Span{{10_000, 20_000}}, tumbling.Spans(19_999))
	require.Equal(t, []window.Span{{-10_000, 0}}, tumbling.Spans(-1))
	sliding := ms(window.Spec{Size: 10 * time.Second, Slide: 4 * time.Second, Idle: time.Second})
	require.Equal(t, []window.Span{{4000, 14_000}, {8000, 18_000}, {12_000, 22_000}}, sliding.Spans(13_000))
	require.Equal(t, []window.Span{{8000, 18_000}, {12_000, 22_000}}, sliding.Spans(14_000), "an end is not in the window")
	session := ms(window.Spec{Gap: 30 * time.Second, Idle: time.Second})
	require.Equal(t, []window.Span{{5, 30_005}}, session.Spans(5))
}

func TestProgress(t *testing.T) {
	spec := &window.Spec{Lateness: time.Second, Idle: 10 * time.Second}
	t.Run("the slowest source holds the watermark", func(t *testing.T) {
		p := window.NewProgress()
		p.Saw(spec, "a", 50_000, 100_000)
		require.EqualValues(t, 49_000, p.Watermark)
		p.Saw(spec, "b", 50_500, 100_000)
		p.Saw(spec, "a", 90_000, 100_000)
		require.EqualValues(t, 49_500, p.Watermark)
	})
	t.Run("it never goes back", func(t *testing.T) {
		p := window.NewProgress()
		p.Saw(spec, "a", 50_000, 100_000)
		p.Saw(spec, "b", 10_000, 100_000)
		require.EqualValues(t, 49_000, p.Watermark)
	})
	t.Run("a source that is silent is not waited for", func(t *testing.T) {
		p := window.NewProgress()
		p.Saw(spec, "slow", 50_000, 100_000)
		p.Saw(spec, "a", 90_000, 109_000)
		require.False(t, p.Tick(spec, 109_999, 0, 0))
		require.True(t, p.Tick(spec, 110_000, 0, 0))
		require.EqualValues(t, 89_000, p.Watermark)
		require.Len(t, p.Sources, 1)
	})
	t.Run("when all are silent the clock moves it, if a window waits for that", func(t *testing.T) {
		p := window.NewProgress()
		p.Saw(spec, "a", 50_000, 100_000)
		require.True(t, p.Tick(spec, 120_000, 0, 120_000))
		require.EqualValues(t, 49_000, p.Watermark, "the window ends when the clock has passed it by the lateness")
		require.True(t, p.Tick(spec, 121_000, 0, 120_000))
		require.EqualValues(t, 120_000, p.Watermark)
	})
	t.Run("silence that nobody has listened to does not count", func(t *testing.T) {
		p := window.NewProgress()
		p.Saw(spec, "a", 50_000, 100_000)
		require.False(t, p.Tick(spec, 509_000, 500_000, 60_000))
		require.True(t, p.Tick(spec, 510_000, 500_000, 60_000))
	})
	t.Run("silence begins anew when the clock is put back or forward", func(t *testing.T) {
		p := window.NewProgress()
		p.Saw(spec, "a", 50_000, 86_500_000)
		p.Tick(spec, 100_000, 0, 200_000)
		require.Len(t, p.Sources, 1)
		require.True(t, p.Tick(spec, 110_000, 0, 200_000))
		require.Empty(t, p.Sources)
		p.Tick(spec, 86_500_000, 86_499_000, 200_000)
		require.EqualValues(t, 49_000, p.Watermark, "the clock has gone on evenly for a second only")
		p.Tick(spec, 86_509_000, 86_499_000, 200_000)
		require.EqualValues(t, 86_508_000, p.Watermark)
	})
	t.Run("a wrong clock makes nobody else late", func(t *testing.T) {
		p := window.NewProgress()
		p.Saw(spec, "a", 900_000, 100_000)
		require.EqualValues(t, 99_000, p.Watermark)
	})
	t.Run("there is a bound for sources", func(t *testing.T) {
		p := window.NewProgress()
		for i := range 1000 {
			p.Saw(spec, fmt.Sprint("s", i), 90_000, 100_000)
		}
		require.Len(t, p.Sources, 257)
	})
}
