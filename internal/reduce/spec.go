package reduce

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fetchmill/fetchmill/internal/expression"
)

// Bounds of what users declare. A spec travels with each of its items, so it is small.
const (
	MaxReductions  = 16
	MaxSpecBytes   = 8 << 10
	maxNameBytes   = 200
	maxExpression  = 1 << 10
	maxQuantiles   = 20
	maxTop         = 100
	maxBuckets     = 100
	defaultTop     = 10
	defaultOperand = "value"
)

var defaultQuantiles = []float64{0.5, 0.9, 0.99}

// ErrSpec means that a reduction cannot be done as it is declared. The text says what to write instead.
var ErrSpec = errors.New("invalid reduction")

// Reduction is one question to many results.
type Reduction struct {
	Name string `json:"name"` // how the answer is called
	Op   Op     `json:"op"`
	// Of is an expression over a result that yields the value; empty only for OpCount, which then counts results.
	Of string `json:"of,omitempty"`
	// By is an expression over a result that yields a key; each key has an answer of its own. Empty means one answer for all.
	By string `json:"by,omitempty"`
	// Where is an expression over a result that yields whether it counts; empty means all.
	Where   string    `json:"where,omitempty"`
	Q       []float64 `json:"q,omitempty"`       // of OpQuantiles, between 0 and 1
	K       int       `json:"k,omitempty"`       // of OpTop: how many
	Buckets []float64 `json:"buckets,omitempty"` // of OpHistogram: upper bounds; empty means 1, 2 and 5 of each power of ten
}

// Spec is the reductions of a batch or of a window. It is made by Parse, ParseJSON or Decode, which check it.
type Spec []Reduction

// Parse reads reductions in the short form: sum(value.count) as total by value.kind where value.count > 0.
func Parse(texts ...string) (Spec, error) {
	var s Spec
	for _, text := range texts {
		r, err := parseShort(text)
		if err != nil {
			return nil, err
		}
		s = append(s, r)
	}
	return s.complete()
}

// ParseJSON reads a list whose elements are reductions in the short form, or objects with the fields of a Reduction.
func ParseJSON(data []byte) (Spec, error) {
	var list []json.RawMessage
	if err := strict(data, &list); err != nil {
		return nil, fmt.Errorf("%w: write a list of reductions: %w", ErrSpec, err)
	}
	s := make(Spec, len(list))
	for i, raw := range list {
		var err error
		if raw[0] == '"' {
			var text string
			if err = json.Unmarshal(raw, &text); err == nil {
				s[i], err = parseShort(text)
			}
		} else if err = strict(raw, &s[i]); err != nil {
			err = fmt.Errorf("%w: %w: the fields are name, op, of, by, where, q, k and buckets", ErrSpec, err)
		}
		if err != nil {
			return nil, fmt.Errorf("reduction %d: %w", i+1, err)
		}
	}
	return s.complete()
}

// Decode reads what JSON has written.
func Decode(data []byte) (Spec, error) {
	if len(data) > MaxSpecBytes {
		return nil, fmt.Errorf("%w: %d bytes are more than %d", ErrSpec, len(data), MaxSpecBytes)
	}
	return ParseJSON(data)
}

func strict(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after it")
	}
	return nil
}

// JSON is the spec in the form in which it travels; nil if it is empty. Equal specs have equal JSON.
func (s Spec) JSON() json.RawMessage {
	if len(s) == 0 {
		return nil
	}
	data, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("reduce: a checked spec cannot be encoded: %v", err)) // it has texts and finite numbers only
	}
	return data
}

// With adds reductions; one with a name that is there takes its place.
func (s Spec) With(more Spec) (Spec, error) {
	all := slices.Clone(s)
	for _, r := range more {
		if at := slices.IndexFunc(all, func(o Reduction) bool { return o.Name == r.Name }); at >= 0 {
			all[at] = r
		} else {
			all = append(all, r)
		}
	}
	return all.complete()
}

// complete fills in defaults and checks everything.
func (s Spec) complete() (Spec, error) {
	if len(s) > MaxReductions {
		return nil, fmt.Errorf("%w: there are %d reductions: use at most %d", ErrSpec, len(s), MaxReductions)
	}
	names := map[string]bool{}
	for i := range s {
		r := &s[i]
		if err := r.complete(); err != nil {
			return nil, fmt.Errorf("%w %.80q: %w", ErrSpec, r.Name, err)
		}
		if names[r.Name] {
			return nil, fmt.Errorf("%w: two are called %q: give one of them another name with as", ErrSpec, r.Name)
		}
		names[r.Name] = true
	}
	if n := len(s.JSON()); n > MaxSpecBytes {
		return nil, fmt.Errorf("%w: they have %d bytes together, and travel with each item: use at most %d", ErrSpec, n, MaxSpecBytes)
	}
	return s, nil
}

func (r *Reduction) complete() error {
	for _, e := range []*string{&r.Of, &r.By, &r.Where} {
		*e = strings.TrimSpace(*e)
	}
	if r.Of == "" && r.Op != OpCount {
		r.Of = defaultOperand
	}
	if r.Op == OpQuantiles && len(r.Q) == 0 {
		r.Q = slices.Clone(defaultQuantiles)
	}
	if r.Op == OpTop && r.K == 0 {
		r.K = defaultTop
	}
	if r.Name = strings.TrimSpace(r.Name); r.Name == "" {
		r.Name = r.short()
	}
	if err := r.checkOp(); err != nil {
		return err
	}
	for _, e := range []struct{ field, text string }{{"of", r.Of}, {"by", r.By}, {"where", r.Where}} {
		if e.text == "" {
			continue
		}
		if len(e.text) > maxExpression {
			return fmt.Errorf("%s: the expression has %d bytes: use at most %d", e.field, len(e.text), maxExpression)
		}
		if _, err := expression.Compile(e.text, expression.Result()); err != nil {
			return fmt.Errorf("%s: %w", e.field, err)
		}
	}
	return r.checkName()
}

func (r *Reduction) checkName() error {
	if len(r.Name) > maxNameBytes {
		return fmt.Errorf("its name has more than %d bytes: give it a shorter one with as", maxNameBytes)
	}
	if !utf8.ValidString(r.Name) || strings.ContainsFunc(r.Name, unicode.IsControl) {
		return errors.New("a name is text without control characters")
	}
	return nil
}

// checkOp checks what only some operations have.
func (r *Reduction) checkOp() error {
	if !slices.Contains(Ops(), r.Op) {
		return fmt.Errorf("there is no operation %.40q: use %s", string(r.Op), opNames())
	}
	switch {
	case len(r.Q) > 0 && r.Op != OpQuantiles:
		return errors.New("only quantiles have q")
	case r.K != 0 && r.Op != OpTop:
		return errors.New("only top has k")
	case len(r.Buckets) > 0 && r.Op != OpHistogram:
		return errors.New("only histogram has buckets")
	case len(r.Q) > maxQuantiles:
		return fmt.Errorf("q has %d elements: use at most %d", len(r.Q), maxQuantiles)
	case slices.ContainsFunc(r.Q, func(q float64) bool { return math.IsNaN(q) || q < 0 || q > 1 }):
		return errors.New("q must have numbers between 0 and 1, such as 0.99")
	case r.K < 0 || r.K > maxTop:
		return fmt.Errorf("k is %d: use a number from 1 to %d", r.K, maxTop)
	case len(r.Buckets) > maxBuckets:
		return fmt.Errorf("there are %d buckets: use at most %d", len(r.Buckets), maxBuckets)
	case !validBounds(r.Buckets):
		return errors.New("the bounds of buckets must grow, such as 1, 10, 100")
	}
	return nil
}

func opNames() string {
	names := make([]string, len(Ops()))
	for i, op := range Ops() {
		names[i] = string(op)
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// bounds are those of a histogram.
func (r *Reduction) bounds() []float64 {
	if len(r.Buckets) == 0 {
		return usualBounds
	}
	return r.Buckets
}
