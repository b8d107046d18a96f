package reduce

import (
	"maps"
	"slices"
)

// Tally is what the reductions of a plan know about the results that it has taken in.
type Tally struct {
	plan    *Plan
	parts   []rows // by part
	skipped []int64
}

// row has the accumulators of one key.
type row []accumulator

// rows are those of a part.
type rows struct {
	kept  map[string]row
	other row    // of the keys beyond the bound; nil if there are none
	last  string // the key that sorts last, once there are as many as there may be
}

// NewTally makes an empty one.
func (p *Plan) NewTally() *Tally {
	return &Tally{plan: p, parts: make([]rows, len(p.parts)), skipped: make([]int64, len(p.steps))}
}

// Add takes in a result that was judged by a plan of an equal spec.
func (t *Tally) Add(j Judgement) {
	t.mustEqual(j.plan)
	for i := range j.steps {
		switch s := &j.steps[i]; s.fate {
		case skipped:
			t.skipped[i]++
		case taken:
			step := &t.plan.steps[i]
			t.row(step.part, s.row)[step.member].add(s.input)
		}
	}
}

// row is that of a key, which may be new.
func (t *Tally) row(at int, key string) row {
	p := &t.parts[at]
	if r, ok := p.kept[key]; ok {
		return r
	}
	most := t.plan.parts[at].most
	if p.last != "" && key > p.last && len(p.kept) == most {
		if p.other == nil {
			p.other = t.plan.newRow(at)
		}
		return p.other
	}
	if p.kept == nil {
		p.kept = map[string]row{}
	}
	r := t.plan.newRow(at)
	p.kept[key] = r
	if len(p.kept) > most {
		t.spill(at, len(p.kept)-most)
		p.last = lastKeys(p.kept, 1)[0]
	}
	if _, stays := p.kept[key]; !stays {
		return p.other
	}
	return r
}

// spill moves the keys that sort last to the others.
func (t *Tally) spill(at, excess int) {
	p := &t.parts[at]
	for _, key := range lastKeys(p.kept, excess) {
		p.other = merged(p.other, p.kept[key])
		delete(p.kept, key)
	}
}

// lastKeys are the n keys that sort last.
func lastKeys(kept map[string]row, n int) []string {
	if n == 1 {
		last, first := "", true
		for key := range kept {
			if first || key > last {
				last, first = key, false
			}
		}
		return []string{last}
	}
	keys := slices.Sorted(maps.Keys(kept))
	return keys[len(keys)-n:]
}

// merged adds one row to another, which may be nil.
func merged(to, from row) row {
	if to == nil {
		return from
	}
	for i := range to {
		to[i].merge(from[i])
	}
	return to
}

// mustEqual refuses another plan. Two that were compiled of the same spec at the same time are equal, and neither is the other.
func (t *Tally) mustEqual(p *Plan) {
	if p != t.plan && p.text != t.plan.text {
		panic("reduce: what belongs to different specs cannot be added up")
	}
}

// Merge takes in what another tally of an equal spec knows, which must not be used afterwards.
func (t *Tally) Merge(o *Tally) {
	t.mustEqual(o.plan)
	for i, n := range o.skipped {
		t.skipped[i] += n
	}
	for at := range o.parts {
		to, from := &t.parts[at], &o.parts[at]
		if from.other != nil {
			to.other = merged(to.other, from.other)
		}
		if to.kept == nil {
			to.kept = map[string]row{}
		}
		for key, r := range from.kept {
			to.kept[key] = merged(to.kept[key], r)
		}
		if excess := len(to.kept) - t.plan.parts[at].most; excess > 0 {
			t.spill(at, excess)
		}
	}
}

// Empty tells whether nothing has come of what was added.
func (t *Tally) Empty() bool { return len(t.touched()) == 0 }
