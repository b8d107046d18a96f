package reduce

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// scattered brings judgements into a database in random groups, whose tallies are made in random orders and partly merged before.
func scattered(t testing.TB, rnd *rand.Rand, p *Plan, list []Judgement) memory {
	t.Helper()
	m := memory{}
	list = slices.Clone(list)
	rnd.Shuffle(len(list), func(i, k int) { list[i], list[k] = list[k], list[i] })
	for len(list) > 0 {
		one, two := p.NewTally(), p.NewTally()
		n := min(len(list), 1+rnd.IntN(1+len(list)/3))
		for _, j := range list[:n] {
			if rnd.IntN(3) == 0 {
				two.Add(j)
			} else {
				one.Add(j)
			}
		}
		list = list[n:]
		if rnd.IntN(2) == 0 {
			one.Merge(two)
		} else {
			m.save(t, two)
		}
		m.save(t, one)
	}
	return m
}

func TestAnswers_equal_those_of_a_simple_model_in_any_order_and_grouping(t *testing.T) {
	for round := range uint64(60) {
		rnd := rand.New(rand.NewPCG(round, 1))
		list := randomSamples(rnd, 1+rnd.IntN(120))
		for _, by := range []bool{false, true} {
			spec := allOps(t)
			if by {
				spec = byKind(t)
			}
			p, err := Compile(spec)
			require.NoError(t, err)
			m := scattered(t, rnd, p, judged(t, p, list))
			tally, err := p.Load(m.rows())
			require.NoError(t, err)
			for i, a := range tally.Answer() {
				want, skipped := modelAnswer(t, spec[i].Op, by, list)
				require.Equal(t, skipped, a.Skipped, "round %d: %s", round, a.Name)
				require.Equal(t, len(want) == 0, a.Count == 0)
				got := map[string]string{}
				for _, k := range a.Keys {
					require.False(t, k.Estimate)
					got[k.Key] = asModel(t, spec[i].Op, k.Value)
				}
				if !by && a.Count > 0 {
					got[""] = asModel(t, spec[i].Op, a.Value)
				}
				require.Equal(t, want, got, "round %d: %s", round, a.Name)
			}
		}
	}
}

// asModel writes an answer as the model does.
func asModel(t *testing.T, op Op, value json.RawMessage) string {
	t.Helper()
	switch op {
	case OpHistogram:
		var buckets []struct {
			LE    *float64
			Count int
		}
		require.NoError(t, json.Unmarshal(value, &buckets))
		var counts [3]int
		for _, b := range buckets {
			switch {
			case b.LE == nil:
				counts[2] = b.Count
			case *b.LE == 0:
				counts[0] = b.Count
			default:
				counts[1] = b.Count
			}
		}
		return toJSON(t, counts)
	case OpQuantiles, OpTop:
		var v any
		require.NoError(t, json.Unmarshal(value, &v))
		return toJSON(t, v)
	}
	return string(value)
}

func TestStates_are_the_same_bytes_in_any_order_and_grouping(t *testing.T) {
	for round := range uint64(12) {
		rnd := rand.New(rand.NewPCG(round, 2))
		list := randomSamples(rnd, 3000)
		for i := range list {
			list[i].tag = fmt.Sprint("t", rnd.IntN(4000))
		}
		spec := allOps(t)
		if round%2 == 1 {
			spec = byKind(t)
		}
		p, err := Compile(spec)
		require.NoError(t, err)
		for i := range p.parts {
			p.parts[i].most = 1 + rnd.IntN(40) // so that there are others
		}
		all := judged(t, p, list)
		first := scattered(t, rnd, p, all)
		require.Equal(t, first, scattered(t, rnd, p, all), "round %d", round)

		serial, in := p.NewTally(), memory{}
		for _, j := range all {
			serial.Add(j)
		}
		in.save(t, serial)
		require.Equal(t, first, in, "round %d", round)
	}
}

func TestKeysBeyondTheBound_are_taken_together(t *testing.T) {
	spec, err := Parse("sum(value.n) as total by value.kind", "top(value.kind, 2) as top")
	require.NoError(t, err)
	p, err := Compile(spec)
	require.NoError(t, err)
	p.parts[0].most, p.parts[1].most = 3, 2
	var list []sample
	for i, kind := range []string{"e", "a", "d", "c", "b", "a", "e", "f"} {
		list = append(list, sample{status: events.StatusOK, number: 1 << i, kind: kind})
	}
	for round := range uint64(20) {
		m := scattered(t, rand.New(rand.NewPCG(round, 3)), p, judged(t, p, list))
		tally, err := p.Load(m.rows())
		require.NoError(t, err)
		require.JSONEq(t, `[
			{"name":"total","op":"sum","of":"value.n","by":"value.kind","count":8,
			 "keys":[{"key":"a","value":34,"count":2},{"key":"b","value":16,"count":1},{"key":"c","value":8,"count":1}],"others":{"value":197,"count":4}},
			{"name":"top","op":"top","of":"value.kind","value":[{"value":"a","count":2},{"value":"b","count":1}],"count":8,"others":{"count":5}}
		]`, toJSON(t, tally.Answer()))
	}
}

func TestEstimates_are_within_their_bounds(t *testing.T) {
	spec, err := Parse("quantiles(value.n, 0, 0.01, 0.5, 0.9, 0.999, 1) as q", "distinct(value.n) as d")
	require.NoError(t, err)
	p, err := Compile(spec)
	require.NoError(t, err)
	for round, draw := range []func(*rand.Rand) float64{
		(*rand.Rand).NormFloat64, (*rand.Rand).ExpFloat64, func(r *rand.Rand) float64 { return float64(r.IntN(1e9)) },
		func(r *rand.Rand) float64 { return math.Exp(4 * r.NormFloat64()) },
	} {
		rnd := rand.New(rand.NewPCG(uint64(round), 4))
		var values []float64
		tally := p.NewTally()
		for range 100_000 {
			f := draw(rnd)
			values = append(values, f)
			n, ok := numberOf(f)
			require.True(t, ok)
			tally.row(0, "")[0].add(input{number: n})
			tally.row(0, "")[1].add(input{hash: hashOf(n.json())})
		}
		slices.Sort(values)
		distinct := len(slices.Compact(slices.Clone(values)))
		a := tally.Answer()
		var q map[string]float64
		require.NoError(t, json.Unmarshal(a[0].Value, &q))
		require.True(t, a[0].Estimate && a[1].Estimate)
		for name, share := range map[string]float64{"0": 0, "0.01": 0.01, "0.5": 0.5, "0.9": 0.9, "0.999": 0.999, "1": 1} {
			want := values[rankOf(share, int64(len(values)))-1]
			require.InEpsilon(t, want, q[name], 0.008, "round %d: quantile %s", round, name)
		}
		var d float64
		require.NoError(t, json.Unmarshal(a[1].Value, &d))
		require.InEpsilon(t, distinct, d, 0.04, "round %d", round)
	}
}

func TestDistinct_is_close_at_all_sizes(t *testing.T) {
	d := &distinct{}
	worst := 0.0
	for n := 1; n <= 2_000_000; n++ {
		d.add(input{hash: hashOf(fmt.Append(nil, n))})
		if n > exactDistinct && n%(n/20) == 0 {
			worst = max(worst, math.Abs(float64(d.estimate())/float64(n)-1))
		}
	}
	require.Less(t, worst, 0.04)
}

func TestQuantiles_far_apart_fall_into_the_last_bin_whatever_came_first(t *testing.T) {
	var values []float64
	for i := range 300 {
		values = append(values, math.Ldexp(1.5, i-150), -math.Ldexp(1.25, i-200))
	}
	var states [][]byte
	for round := range uint64(5) {
		rnd := rand.New(rand.NewPCG(round, 5))
		rnd.Shuffle(len(values), func(i, k int) { values[i], values[k] = values[k], values[i] })
		whole, half := &quantiles{q: []float64{0.5}}, &quantiles{}
		for i, f := range values {
			n, _ := fromFloat(f)
			if i%2 == 0 {
				half.add(input{number: n})
			} else {
				whole.add(input{number: n})
			}
		}
		whole.merge(half)
		require.LessOrEqual(t, len(whole.positive), maxBins)
		states = append(states, whole.append(nil))
	}
	for _, s := range states {
		require.Equal(t, states[0], s)
	}
}

func TestCombine_answers_each_reduction_over_the_results_that_came_with_it(t *testing.T) {
	one, err := Parse("count as n", "sum(value.n) as total by value.kind")
	require.NoError(t, err)
	two, err := Parse("sum(value.n) as total by value.kind", "max(value.n) as n", "top(value.tag) as often by value.kind")
	require.NoError(t, err)
	rnd := rand.New(rand.NewPCG(1, 6))
	list := randomSamples(rnd, 200)
	tallies := func() (all []*Tally) {
		for i, spec := range []Spec{one, two} {
			p, err := Compile(spec)
			require.NoError(t, err)
			tally := p.NewTally()
			for _, j := range judged(t, p, list[i*100:(i+1)*100]) {
				tally.Add(j)
			}
			all = append(all, tally)
		}
		return all
	}
	both, err := Combine(tallies()...)
	require.NoError(t, err)
	var names []string
	for _, a := range both {
		names = append(names, a.Name+" "+a.Op)
	}
	require.Equal(t, []string{"n count", "total sum", "n max", "often top"}, names)

	total, err := Compile(one[1:])
	require.NoError(t, err)
	over := total.NewTally()
	for _, j := range judged(t, total, list) {
		over.Add(j)
	}
	require.Equal(t, over.Answer()[0], both[1])
	require.Equal(t, tallies()[0].Answer()[0], both[0])
	require.Equal(t, tallies()[1].Answer()[1:], both[2:])
}

func TestFit_leaves_out_the_last_keys_and_says_so(t *testing.T) {
	keys := func(n int) (list []events.ReducedKey) {
		for i := range n {
			list = append(list, events.ReducedKey{Key: fmt.Sprintf("%04d", i), ReducedValue: events.ReducedValue{Value: json.RawMessage("1"), Count: 1}})
		}
		return list
	}
	list := []events.Reduced{{Name: "a", Keys: keys(1000)}, {Name: "b", Keys: keys(3)}}
	require.Equal(t, list, Fit(list, 1<<20))
	short := Fit(list, 10_000)
	require.LessOrEqual(t, len(toJSON(t, short)), 10_000)
	require.Greater(t, len(toJSON(t, short)), 9_900)
	require.Len(t, short[1].Keys, 3)
	require.Equal(t, 1000, len(short[0].Keys)+short[0].LeftOut)
	require.Zero(t, list[0].LeftOut)
	require.Empty(t, Fit(list, 10)[0].Keys)
}

func FuzzState(f *testing.F) {
	p, err := Compile(byKind(f))
	if err != nil {
		f.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 7))
	m := memory{}
	tally := p.NewTally()
	for _, j := range judged(f, p, randomSamples(rnd, 2000)) {
		tally.Add(j)
	}
	m.save(f, tally)
	for _, k := range slices.SortedFunc(maps.Keys(m), func(a, b Key) int { return len(m[a]) - len(m[b]) }) {
		f.Add(k.Part, k.Name, m[k])
	}
	f.Fuzz(func(t *testing.T, part int, name string, state []byte) {
		tally, err := p.Load([]Row{{Key{part, name}, state}})
		if err != nil {
			require.ErrorIs(t, err, ErrState)
			return
		}
		tally.Answer()
		if name[:1] == nameTotals {
			return
		}
		again := memory{}
		again.save(t, tally)
		loaded, err := p.Load(again.rows())
		require.NoError(t, err, "what was read can be written and read again")
		loaded.Merge(mustLoad(t, p, again.rows()))
		loaded.Answer()
	})
}

func mustLoad(t *testing.T, p *Plan, list []Row) *Tally {
	t.Helper()
	tally, err := p.Load(list)
	require.NoError(t, err)
	return tally
}

func TestTally_takes_in_what_an_equal_plan_has_judged(t *testing.T) {
	one, err := Compile(allOps(t))
	require.NoError(t, err)
	two, err := Compile(allOps(t))
	require.NoError(t, err)
	list := randomSamples(rand.New(rand.NewPCG(1, 9)), 50)
	mixed, whole := one.NewTally(), two.NewTally()
	for _, j := range append(judged(t, one, list[:25]), judged(t, two, list[25:])...) {
		mixed.Add(j)
	}
	for _, j := range judged(t, two, list) {
		whole.Add(j)
	}
	require.Equal(t, whole.Answer(), mixed.Answer())
	mixed.Merge(two.NewTally())
	other, err := Compile(byKind(t))
	require.NoError(t, err)
	require.Panics(t, func() { mixed.Merge(other.NewTally()) })
}
