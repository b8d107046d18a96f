package recipe

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/fetchmill/fetchmill/internal/yamldoc"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Bounds of an expansion.
const (
	defaultChunks = 64
	// MaxChunks is how many items one item may become: they are made and published together.
	MaxChunks = 10_000
)

// expandDocument says into what an item is split, as it is written.
type expandDocument struct {
	Chunks any            `yaml:"chunks"`
	Range  *rangeDocument `yaml:"range"`
}

type rangeDocument struct {
	From any `yaml:"from"`
	To   any `yaml:"to"`
}

// expansion splits an item into parts. Steps know each by its number $part of $parts, from 0, and with a range by its piece of it, from $from
// up to but not including $to.
type expansion struct {
	chunks   template
	from, to *template // nil without a range
	first    int       // the place of $part among the values; the others follow
}

// partParams stand for what is different in each part. They follow the parameters of the recipe.
var partParams = []Param{{Name: "part", Type: TypeInteger}, {Name: "parts", Type: TypeInteger}, {Name: "from", Type: TypeInteger}, {Name: "to", Type: TypeInteger}}

// expand checks the expansion.
func (d *document) expand(r *Recipe, at yamldoc.Position) error {
	if d.Expand == nil {
		return nil
	}
	known := partParams[:2]
	if d.Expand.Range != nil {
		known = partParams
	}
	for _, p := range known {
		if _, taken := r.index[p.Name]; taken {
			return at.Wrap(fmt.Errorf("parameter %s: $%s is what a part of an item is known by, so call the parameter something else", p.Name, p.Name), "params", p.Name)
		}
	}
	e := &expansion{first: len(r.Params)}
	if d.Expand.Chunks == nil {
		d.Expand.Chunks = defaultChunks
	}
	number := func(v any, what string) (template, error) {
		t, err := compile(v, r.index)
		switch {
		case err != nil:
			return t, err
		case t.kind == isParam && r.Params[t.param].Type == TypeInteger:
			return t, nil
		case t.kind == isParam:
			return t, fmt.Errorf("parameter %s is of type %s: use an integer", r.Params[t.param].Name, r.Params[t.param].Type)
		}
		if _, err := strconv.ParseInt(string(t.literal), 10, 64); t.kind != isLiteral || err != nil {
			return t, fmt.Errorf("write a whole number, or $name of a parameter that is one, for %s", what)
		}
		return t, nil
	}
	var err error
	if e.chunks, err = number(d.Expand.Chunks, "chunks"); err == nil && e.chunks.kind == isLiteral {
		_, err = e.count(nil)
	}
	if err != nil {
		return at.Wrap(fmt.Errorf("expand: chunks: %w", err), "expand")
	}
	if d.Expand.Range == nil {
		r.expansion = e
		return nil
	}
	if d.Expand.Range.From == nil {
		d.Expand.Range.From = 0
	}
	if d.Expand.Range.To == nil {
		return at.Wrap(errors.New("expand: range: to is missing: write the number at which it ends"), "expand")
	}
	from, err := number(d.Expand.Range.From, "from")
	if err != nil {
		return at.Wrap(fmt.Errorf("expand: range: from: %w", err), "expand")
	}
	to, err := number(d.Expand.Range.To, "to")
	if err != nil {
		return at.Wrap(fmt.Errorf("expand: range: to: %w", err), "expand")
	}
	e.from, e.to = &from, &to
	r.expansion = e
	return nil
}

// names are the parameters and their places as steps know them, those of parts included.
func (r *Recipe) names() ([]Param, map[string]int) {
	if r.expansion == nil {
		return r.Params, r.index
	}
	known := partParams[:2]
	if r.expansion.from != nil {
		known = partParams
	}
	params := append(slices.Clone(r.Params), known...)
	index := make(map[string]int, len(params))
	for i := range params {
		index[params[i].Name] = i
	}
	return params, index
}

// count is how many parts are asked for.
func (e *expansion) count(values []json.RawMessage) (int64, error) {
	n, err := strconv.ParseInt(string(e.chunks.append(nil, values)), 10, 64)
	if err != nil || n < 1 || n > MaxChunks {
		return 0, fmt.Errorf("%.40s is not a number of chunks: use 1 to %d", e.chunks.append(nil, values), MaxChunks)
	}
	return n, nil
}

// parts makes the plans of all parts. values has room for those of partParams behind the parameters. Its errors are of type *ParamError.
func (e *expansion) parts(p *plan, values []json.RawMessage) ([]events.Plan, error) {
	invalid := func(err error) error { return &ParamError{Reason: events.ReasonInvalidParameter, Err: err} }
	n, err := e.count(values)
	if err != nil {
		return nil, invalid(err)
	}
	var from, length uint64
	if e.from != nil {
		low, lowErr := strconv.ParseInt(string(e.from.append(nil, values)), 10, 64)
		high, highErr := strconv.ParseInt(string(e.to.append(nil, values)), 10, 64)
		if lowErr != nil || highErr != nil { // a parameter that is absent
			return nil, &ParamError{Reason: events.ReasonMissingParameter, Err: errors.New("the range has no end: send the parameters that it is made of")}
		}
		from = uint64(low)
		if high > low {
			length = uint64(high) - from // right even where the difference is no int64
		}
		n = int64(min(uint64(n), max(1, length))) // no part is empty, unless the whole is
	}
	plans := make([]events.Plan, n)
	number := func(v int64) json.RawMessage { return strconv.AppendInt(nil, v, 10) }
	for i := range n {
		values[e.first], values[e.first+1] = number(i), number(n)
		if e.from != nil {
			values[e.first+2], values[e.first+3] = number(int64(from+share(length, i, n))), number(int64(from+share(length, i+1, n)))
		}
		if plans[i], err = p.resolve(values); err != nil {
			return nil, err
		}
	}
	return plans, nil
}

// share is where part i of n begins in a range of a length: the parts differ by one at most.
func share(length uint64, i, n int64) uint64 {
	each, rest := length/uint64(n), length%uint64(n)
	return uint64(i)*each + min(uint64(i), rest)
}
