package reduce

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Answer is what a tally says to people, in the order of the spec.
func (t *Tally) Answer() []events.Reduced {
	list := make([]events.Reduced, len(t.plan.steps))
	for i := range t.plan.steps {
		list[i] = t.answer(i)
	}
	return list
}

func (t *Tally) answer(i int) events.Reduced {
	r, st := &t.plan.spec[i], &t.plan.steps[i]
	a := events.Reduced{
		Name: r.Name, Op: string(r.Op), Of: r.Of, By: r.By, Where: r.Where, Skipped: t.skipped[i],
	}
	p := &t.parts[st.part]
	if r.Op == OpTop {
		t.top(&a, r, p)
		return a
	}
	if r.By == "" {
		one, ok := p.kept[""]
		if !ok {
			one = t.plan.newRow(st.part)
		}
		a.ReducedValue = told(one[st.member])
		return a
	}
	for _, key := range slices.Sorted(maps.Keys(p.kept)) {
		if one := p.kept[key][st.member]; one.count() > 0 { // others of the part may have seen the key
			a.Keys = append(a.Keys, events.ReducedKey{Key: key, ReducedValue: told(one)})
			a.Count += one.count()
		}
	}
	if p.other != nil && p.other[st.member].count() > 0 {
		others := told(p.other[st.member])
		a.Others = &others
		a.Count += others.Count
	}
	return a
}

func told(a accumulator) events.ReducedValue {
	v := a.answer()
	return events.ReducedValue{Value: v.JSON, Count: a.count(), Estimate: v.Estimate}
}

// counted is a value of top.
type counted struct {
	value string
	n     int64
}

// top answers for OpTop, whose rows are the values with how often they came.
func (t *Tally) top(a *events.Reduced, r *Reduction, p *rows) {
	byKey := map[string][]counted{}
	for name, one := range p.kept {
		key, value := splitRow(name)
		byKey[key] = append(byKey[key], counted{value, one[0].count()})
	}
	if r.By == "" {
		a.ReducedValue = topOf(byKey[""], r.K)
	}
	if p.other != nil {
		a.Others = &events.ReducedValue{Count: p.other[0].count()}
		a.Count += a.Others.Count
	}
	if r.By == "" {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		one := events.ReducedKey{Key: key, ReducedValue: topOf(byKey[key], r.K)}
		a.Count += one.Count
		if len(a.Keys) < maxKeys {
			a.Keys = append(a.Keys, one)
		} else {
			a.LeftOut++
		}
	}
}

// topOf lists the k most frequent values; of those that came equally often the ones that sort first.
func topOf(values []counted, k int) events.ReducedValue {
	slices.SortFunc(values, func(a, b counted) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.value, b.value))
	})
	v := events.ReducedValue{}
	out := []byte{'['}
	for i, c := range values {
		v.Count += c.n
		if i >= k {
			continue
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"value":`...)
		out = append(out, c.value...)
		out = append(out, `,"count":`...)
		out = strconv.AppendInt(out, c.n, 10)
		out = append(out, '}')
	}
	out = append(out, ']')
	v.Value = out
	return v
}
