package reduce

import (
	"encoding/json"
	"fmt"
	"sort"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Combine answers for several tallies whose specs may differ. Reductions that are declared in the same words are answered together, each over
// the results that came with it. The answers are in the order of the tallies and of their specs. The tallies must not be used afterwards.
func Combine(tallies ...*Tally) ([]events.Reduced, error) {
	if len(tallies) == 1 {
		return tallies[0].Answer(), nil
	}
	var order []string
	same := map[string]*Tally{}
	for _, t := range tallies {
		for i := range t.plan.spec {
			words := string(t.plan.spec[i : i+1].JSON())
			one, err := t.only(i)
			if err != nil {
				return nil, err
			}
			if before, known := same[words]; known {
				before.Merge(one)
				continue
			}
			order = append(order, words)
			same[words] = one
		}
	}
	list := make([]events.Reduced, len(order))
	for i, words := range order {
		list[i] = same[words].Answer()[0]
	}
	return list, nil
}

// only is a tally of one of the reductions.
func (t *Tally) only(i int) (*Tally, error) {
	p, err := Compile(t.plan.spec[i : i+1])
	if err != nil {
		return nil, fmt.Errorf("reduction %s by itself: %w", t.plan.spec[i].Name, err)
	}
	one := p.NewTally()
	one.skipped[0] = t.skipped[i]
	st := &t.plan.steps[i]
	from, to := &t.parts[st.part], &one.parts[0]
	to.kept = make(map[string]row, len(from.kept))
	for key, r := range from.kept {
		if r[st.member].count() > 0 {
			to.kept[key] = row{r[st.member]}
		}
	}
	if from.other != nil && from.other[st.member].count() > 0 {
		to.other = row{from.other[st.member]}
	}
	return one, nil
}

// Fit leaves out keys, the last ones of the reductions that have most, until the answers have at most so many bytes as JSON.
func Fit(list []events.Reduced, mostBytes int) []events.Reduced {
	size := func(keys int) int {
		data, err := json.Marshal(shorter(list, keys))
		if err != nil {
			return mostBytes + 1 // it is not the number of keys then
		}
		return len(data)
	}
	most := 0
	for i := range list {
		most = max(most, len(list[i].Keys))
	}
	if size(most) <= mostBytes {
		return list
	}
	return shorter(list, sort.Search(most, func(keys int) bool { return size(keys+1) > mostBytes }))
}

// shorter has at most so many keys of each answer.
func shorter(list []events.Reduced, keys int) []events.Reduced {
	short := make([]events.Reduced, len(list))
	copy(short, list)
	for i := range short {
		if r := &short[i]; len(r.Keys) > keys {
			r.LeftOut += len(r.Keys) - keys
			r.Keys = r.Keys[:keys]
		}
	}
	return short
}
