package reduce

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/expression"
	"github.com/fetchmill/fetchmill/pkg/events"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// sample is what a random result is about; the model works on it and not on the result.
type sample struct {
	status events.Status
	number any // int, float64, string or nil
	kind   any // string, int or nil
	tag    string
}

func (s sample) result(id int) *events.Result {
	value := map[string]any{"tag": s.tag}
	if s.number != nil {
		value["n"] = s.number
	}
	if s.kind != nil {
		value["kind"] = s.kind
	}
	data, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return &events.Result{ID: strconv.Itoa(id), Recipe: "x", Status: s.status, Value: data, Submitted: noon, Finished: noon}
}

// randomSamples makes numbers of all sizes, and things that are none.
func randomSamples(rnd *rand.Rand, n int) []sample {
	list := make([]sample, n)
	for i := range list {
		s := sample{status: events.StatusOK, tag: fmt.Sprint("t", int(math.Abs(rnd.NormFloat64())*8))}
		if rnd.IntN(10) == 0 {
			s.status = events.StatusFailed
		}
		switch rnd.IntN(12) {
		case 0:
		case 1:
			s.number = "no number"
		case 2:
			s.number = int(rnd.Int64()) * (1 - 2*rnd.IntN(2))
		case 3:
			s.number = math.Ldexp(rnd.Float64(), rnd.IntN(2000)-1000)
		case 4:
			s.number = -math.Ldexp(rnd.Float64(), rnd.IntN(100)-50)
		case 5:
			s.number = 0
		case 6, 7:
			s.number = rnd.IntN(20)
		default:
			s.number = float64(rnd.IntN(1000)) / 10
		}
		switch k := rnd.IntN(10); k {
		case 0:
		case 1:
			s.kind = rnd.IntN(3)
		default:
			s.kind = string(rune('a' + k))
		}
		list[i] = s
	}
	return list
}

// rat is the number of a sample, exactly.
func (s sample) rat() *big.Rat {
	switch n := s.number.(type) {
	case int:
		return new(big.Rat).SetInt64(int64(n))
	case float64:
		data, err := json.Marshal(n)
		if i, isInt := strconv.ParseInt(string(data), 10, 64); err == nil && isInt == nil {
			return new(big.Rat).SetInt64(i) // JSON does not tell it from an integer, and its digits are those of another one
		}
		return new(big.Rat).SetFloat64(n)
	}
	return nil
}

func (s sample) key() (string, bool) { return fmt.Sprint(s.kind), s.kind != nil }

// modelAnswer is the simplest way to answer a reduction that I can think of.
func modelAnswer(t *testing.T, op Op, by bool, list []sample) (values map[string]string, skipped int64) {
	t.Helper()
	groups, values := map[string][]sample{}, map[string]string{}
	for _, s := range list {
		if s.status != events.StatusOK {
			continue
		}
		key, ok := "", true
		if by {
			key, ok = s.key()
		}
		if numeric := op != OpCount && op != OpDistinct && op != OpTop; !ok || numeric && s.rat() == nil {
			skipped++
			continue
		}
		groups[key] = append(groups[key], s)
	}
	for key, g := range groups {
		values[key] = modelValue(t, op, g)
	}
	return values, skipped
}

func modelValue(t *testing.T, op Op, list []sample) string {
	t.Helper()
	sum, squares := new(big.Rat), new(big.Rat)
	var sorted []*big.Rat
	tags := map[string]int{}
	for _, s := range list {
		tags[s.tag]++
		if r := s.rat(); r != nil {
			sum.Add(sum, r)
			squares.Add(squares, new(big.Rat).Mul(r, r))
			sorted = append(sorted, r)
		}
	}
	slices.SortFunc(sorted, (*big.Rat).Cmp)
	n := new(big.Rat).SetInt64(int64(len(sorted)))
	switch op {
	case OpCount:
		return strconv.Itoa(len(list))
	case OpDistinct:
		return strconv.Itoa(len(tags))
	case OpTop:
		keys := slices.SortedFunc(maps.Keys(tags), func(a, b string) int { return cmp.Or(tags[b]-tags[a], cmp.Compare(a, b)) })
		var out []map[string]any
		for _, k := range keys[:min(3, len(keys))] {
			out = append(out, map[string]any{"value": k, "count": tags[k]})
		}
		return toJSON(t, out)
	case OpSum:
		return ratJSON(sum, 128)
	case OpMin:
		return ratJSON(sorted[0], 63)
	case OpMax:
		return ratJSON(sorted[len(sorted)-1], 63)
	case OpMean:
		f, _ := sum.Quo(sum, n).Float64()
		return toJSON(t, f)
	case OpStddev:
		if len(sorted) < 2 {
			return "null"
		}
		mean := new(big.Rat).Quo(sum, n)
		spread := new(big.Rat)
		for _, r := range sorted {
			d := new(big.Rat).Sub(r, mean)
			spread.Add(spread, d.Mul(d, d))
		}
		spread.Quo(spread, new(big.Rat).SetInt64(int64(len(sorted)-1)))
		root := new(big.Float).SetPrec(2000).SetRat(spread)
		f, _ := root.Sqrt(root).Float64()
		return toJSON(t, f)
	case OpQuantiles:
		out := map[string]float64{}
		for name, q := range map[string]*big.Rat{"0": big.NewRat(0, 1), "0.25": big.NewRat(1, 4), "0.5": big.NewRat(1, 2), "0.99": big.NewRat(99, 100), "1": big.NewRat(1, 1)} {
			rank := new(big.Rat).Mul(q, n)
			k := new(big.Int).Div(rank.Num(), rank.Denom()).Int64()
			if !rank.IsInt() {
				k++
			}
			out[name], _ = sorted[max(1, k)-1].Float64()
		}
		return toJSON(t, out)
	case OpHistogram:
		var low, mid, high int
		for _, r := range sorted {
			switch {
			case r.Cmp(new(big.Rat)) <= 0:
				low++
			case r.Cmp(big.NewRat(10, 1)) <= 0:
				mid++
			default:
				high++
			}
		}
		return toJSON(t, []int{low, mid, high})
	}
	t.Fatalf("no model of %s", op)
	return ""
}

func ratJSON(r *big.Rat, exactBits int) string {
	if r.IsInt() && r.Num().BitLen() <= exactBits {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return string(floatJSON(f))
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return string(data)
}

// allOps is a spec with every operation, over all and by key.
func allOps(t testing.TB) Spec {
	t.Helper()
	s, err := Parse(
		"count", "sum(value.n) as sum", "min(value.n) as min", "max(value.n) as max", "mean(value.n) as mean", "stddev(value.n) as stddev",
		"quantiles(value.n, 0, 0.25, 0.5, 0.99, 1) as quantiles", "distinct(value.tag) as distinct", "top(value.tag, 3) as top", "histogram(value.n, 0, 10) as histogram",
	)
	require.NoError(t, err)
	return s
}

func byKind(t testing.TB) Spec {
	t.Helper()
	s := slices.Clone(allOps(t))
	for i := range s {
		s[i].By = "value.kind"
	}
	s, err := s.complete()
	require.NoError(t, err)
	return s
}

func judged(t testing.TB, p *Plan, list []sample) []Judgement {
	t.Helper()
	m := expression.NewMachine(expression.ForResult)
	out := make([]Judgement, len(list))
	for i, s := range list {
		j, err := p.Judge(context.Background(), m, s.result(i))
		require.NoError(t, err)
		out[i] = j
	}
	return out
}

// memory keeps rows as a database does.
type memory map[Key][]byte

func (m memory) Rows(keys []Key) ([]Row, error) {
	var list []Row
	for _, k := range keys {
		if state, ok := m[k]; ok {
			list = append(list, Row{k, state})
		}
	}
	return list, nil
}

func (m memory) Last(part, n int) ([]Row, error) {
	var list []Row
	for k, state := range m {
		if k.Part == part && k.Name >= FirstKept && k.Name < EndOfKept {
			list = append(list, Row{k, state})
		}
	}
	slices.SortFunc(list, func(a, b Row) int { return cmp.Compare(b.Name, a.Name) })
	return list[:min(n, len(list))], nil
}

func (m memory) save(t testing.TB, tally *Tally) {
	t.Helper()
	c, err := tally.Save(m)
	require.NoError(t, err)
	for _, k := range c.Delete {
		require.Contains(t, m, k)
		delete(m, k)
	}
	for _, r := range c.Put {
		m[r.Key] = r.State
	}
}

func (m memory) rows() []Row {
	var list []Row
	for k, state := range m {
		list = append(list, Row{k, state})
	}
	return list
}
