package reduce

import (
	"fmt"
	"maps"
	"slices"
)

// Key names a row of a tally that is kept in a database. Keys sort by their parts and then by the bytes of their names.
type Key struct {
	Part int
	Name string // bytes, not only text
}

// Row is a row of a tally that is kept in a database.
type Row struct {
	Key
	State []byte
}

// Names of rows begin with what they are.
const (
	nameTotals = "!" // how many rows a part has, and how many results were skipped
	nameKept   = "=" // the key follows
	nameOther  = "~" // the keys beyond the bound
)

// The rows with keys, for Reader.Last.
const (
	FirstKept = nameKept
	EndOfKept = "\x3e" // the byte after nameKept
)

// Reader reads the rows of a tally that is kept in a database.
type Reader interface {
	// Rows returns those of the given keys that there are, in any order.
	Rows(keys []Key) ([]Row, error)
	// Last returns the n rows of a part that sort last among those with FirstKept ≤ name < EndOfKept, in any order.
	Last(part, n int) ([]Row, error)
}

// Changes are what merging a tally into one that is kept in a database comes down to.
type Changes struct {
	Put    []Row // in the order of their keys
	Delete []Key
}

// Save merges t into the tally that stored reads, and returns what has to be written. t must not be used afterwards. stored is the tally of
// an equal spec.
func (t *Tally) Save(stored Reader) (Changes, error) {
	keys := t.touched()
	if len(keys) == 0 {
		return Changes{}, nil
	}
	list, err := stored.Rows(keys)
	if err != nil {
		return Changes{}, err
	}
	there := make(map[Key][]byte, len(list))
	for _, r := range list {
		there[r.Key] = r.State
	}
	var c Changes
	for at := range t.parts {
		if err := t.savePart(at, there, stored, &c); err != nil {
			return Changes{}, fmt.Errorf("part %d of reductions: %w", at+1, err)
		}
	}
	return c, nil
}

// Keys are the rows that Save asks stored for, so that those of many tallies can be read together before.
func (t *Tally) Keys() []Key { return t.touched() }

// touched are the rows that a tally changes.
func (t *Tally) touched() []Key {
	var keys []Key
	for at := range t.parts {
		if !t.changed(at) {
			continue
		}
		keys = append(keys, Key{at, nameTotals})
		for key := range t.parts[at].kept {
			keys = append(keys, Key{at, nameKept + key})
		}
		keys = append(keys, Key{at, nameOther})
	}
	return keys
}

// changed tells whether anything of a part has been added.
func (t *Tally) changed(at int) bool {
	return len(t.parts[at].kept) > 0 || t.parts[at].other != nil || slices.ContainsFunc(t.plan.parts[at].members, func(i int) bool { return t.skipped[i] > 0 })
}

func (t *Tally) savePart(at int, there map[Key][]byte, stored Reader, c *Changes) error {
	if !t.changed(at) {
		return nil
	}
	p := &t.parts[at]
	totals, err := t.plan.readTotals(at, there[Key{at, nameTotals}])
	if err != nil {
		return err
	}
	fresh := 0
	for key, r := range p.kept {
		state, known := there[Key{at, nameKept + key}]
		if !known {
			fresh++
			continue
		}
		before, err := t.plan.readRow(at, state)
		if err != nil {
			return err
		}
		p.kept[key] = merged(before, r)
	}
	if err := t.makeRoom(at, totals.rows+fresh-t.plan.parts[at].most, there, stored, c); err != nil {
		return err
	}
	totals.rows = min(totals.rows+fresh, t.plan.parts[at].most)
	for i, member := range t.plan.parts[at].members {
		totals.skipped[i] += t.skipped[member]
	}
	c.Put = append(c.Put, Row{Key{at, nameTotals}, totals.append(nil)})
	for _, key := range slices.Sorted(maps.Keys(p.kept)) {
		c.Put = append(c.Put, Row{Key{at, nameKept + key}, p.kept[key].encode()})
	}
	if p.other == nil {
		return nil
	}
	if state, known := there[Key{at, nameOther}]; known {
		before, err := t.plan.readRow(at, state)
		if err != nil {
			return err
		}
		p.other = merged(before, p.other)
	}
	c.Put = append(c.Put, Row{Key{at, nameOther}, p.other.encode()})
	return nil
}

// makeRoom moves the rows that sort last, of those that are stored and those that are new, to the others.
func (t *Tally) makeRoom(at, excess int, there map[Key][]byte, stored Reader, c *Changes) error {
	if excess <= 0 {
		return nil
	}
	p := &t.parts[at]
	last, err := stored.Last(at, excess)
	if err != nil {
		return err
	}
	outside := map[string]bool{} // stored rows that t has nothing new for
	for _, r := range last {
		key := r.Name[len(nameKept):]
		if _, changed := p.kept[key]; changed {
			continue
		}
		before, err := t.plan.readRow(at, r.State)
		if err != nil {
			return err
		}
		p.kept[key], outside[key] = before, true
	}
	for _, key := range lastKeys(p.kept, excess) {
		p.other = merged(p.other, p.kept[key])
		delete(p.kept, key)
		name := Key{at, nameKept + key}
		if _, known := there[name]; known || outside[key] {
			c.Delete = append(c.Delete, name)
		}
	}
	for key := range outside {
		delete(p.kept, key) // what is not moved has not changed
	}
	return nil
}

// Load makes a tally of all its rows, in any order.
func (p *Plan) Load(list []Row) (*Tally, error) {
	t := p.NewTally()
	for _, r := range list {
		if r.Part < 0 || r.Part >= len(p.parts) || r.Name == "" {
			return nil, fmt.Errorf("%w: row %q of part %d", ErrState, r.Name, r.Part)
		}
		if err := t.load(r); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *Tally) load(r Row) error {
	p := &t.parts[r.Part]
	if r.Name == nameTotals {
		totals, err := t.plan.readTotals(r.Part, r.State)
		if err != nil {
			return err
		}
		for i, member := range t.plan.parts[r.Part].members {
			t.skipped[member] = totals.skipped[i]
		}
		return nil
	}
	accumulators, err := t.plan.readRow(r.Part, r.State)
	if err != nil {
		return err
	}
	switch r.Name[:1] {
	case nameKept:
		if p.kept == nil {
			p.kept = map[string]row{}
		}
		p.kept[r.Name[1:]] = accumulators
	case nameOther:
		p.other = accumulators
	default:
		return fmt.Errorf("%w: row %q", ErrState, r.Name)
	}
	return nil
}

func (r row) encode() []byte {
	dst := []byte{stateVersion}
	for _, a := range r {
		dst = a.append(dst)
	}
	return dst
}

func (p *Plan) readRow(at int, state []byte) (row, error) {
	r, err := newReader(state)
	if err != nil {
		return nil, err
	}
	accumulators := p.newRow(at)
	for i, a := range accumulators {
		if err := a.read(r); err != nil {
			return nil, fmt.Errorf("%s: %w", p.reduction(at, i).Name, err)
		}
	}
	return accumulators, r.end()
}

// totals are about a part as a whole.
type totals struct {
	rows    int     // with a key
	skipped []int64 // by member
}

func (t totals) append(dst []byte) []byte {
	dst = appendCount(append(dst, stateVersion), int64(t.rows))
	for _, n := range t.skipped {
		dst = appendCount(dst, n)
	}
	return dst
}

// readTotals reads the totals of a part; of one that has none yet they are zero.
func (p *Plan) readTotals(at int, state []byte) (totals, error) {
	t := totals{skipped: make([]int64, len(p.parts[at].members))}
	if state == nil {
		return t, nil
	}
	r, err := newReader(state)
	if err != nil {
		return t, err
	}
	t.rows = r.length(p.parts[at].most)
	for i := range t.skipped {
		t.skipped[i] = r.count()
	}
	return t, r.end()
}

// Copy makes a tally that knows the same.
func (t *Tally) Copy() (*Tally, error) {
	p := t.plan.NewTally()
	copy(p.skipped, t.skipped)
	for at := range t.parts {
		from, to := &t.parts[at], &p.parts[at]
		to.kept = make(map[string]row, len(from.kept))
		for key, r := range from.kept {
			same, err := t.plan.readRow(at, r.encode())
			if err != nil {
				return nil, err
			}
			to.kept[key] = same
		}
		if from.other == nil {
			continue
		}
		var err error
		if to.other, err = t.plan.readRow(at, from.other.encode()); err != nil {
			return nil, err
		}
	}
	return p, nil
}
