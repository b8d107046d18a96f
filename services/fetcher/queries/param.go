package queries

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Type is the type of a parameter.
type Type string

// The types of parameters.
const (
	TypeText      Type = "text"
	TypeInteger   Type = "integer" // of 64 bits
	TypeNumber    Type = "number"  // within the range of a 64-bit float
	TypeBoolean   Type = "boolean"
	TypeTimestamp Type = "timestamp" // RFC 3339; handed over in UTC
)

var (
	types   = []Type{TypeText, TypeInteger, TypeNumber, TypeBoolean, TypeTimestamp}
	paramRE = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
)

type param struct {
	name     string
	typ      Type
	required bool
	standard any // the default; nil is NULL
}

// number is a number as it was written.
type number string

func (d paramDocument) param(name string) (param, error) {
	p := param{name: name, typ: d.Type, required: d.Required}
	switch {
	case !paramRE.MatchString(name):
		return p, errors.New("use 1 to 64 of a-z, 0-9 and '_', starting with a letter")
	case !slices.Contains(types, d.Type):
		return p, fmt.Errorf("type %.40q: use one of %v", d.Type, types)
	case d.Default == nil:
		return p, nil
	case d.Required:
		return p, errors.New("a parameter with a default is not required: leave one of the two out")
	}
	value := d.Default
	if t, ok := value.(time.Time); ok { // YAML reads it so without quotes
		value = t.Format(time.RFC3339Nano)
	}
	raw, err := json.Marshal(value)
	if err == nil {
		p.standard, err = p.value(raw)
	}
	if err != nil {
		return p, fmt.Errorf("default %w", err)
	}
	return p, nil
}

// value reads a JSON value as string, int64, number, bool or time.Time.
func (p param) value(raw json.RawMessage) (any, error) {
	mismatch := func(want string) (any, error) { return nil, fmt.Errorf("must be %s, not %.60s", want, raw) }
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	text, isText := v.(string)
	digits, isNumber := v.(json.Number)
	switch p.typ {
	case TypeText:
		if !isText {
			return mismatch("text")
		}
		if strings.ContainsRune(text, 0) {
			return nil, errors.New("has a character of code 0, which databases cannot store")
		}
		return text, nil
	case TypeInteger:
		n, err := strconv.ParseInt(digits.String(), 10, 64)
		if !isNumber || err != nil {
			return mismatch("a whole number of at most 64 bits")
		}
		return n, nil
	case TypeNumber:
		f, err := strconv.ParseFloat(digits.String(), 64)
		if !isNumber || err != nil || math.IsInf(f, 0) {
			return mismatch("a number")
		}
		return number(digits), nil
	case TypeBoolean:
		b, ok := v.(bool)
		if !ok {
			return mismatch("true or false")
		}
		return b, nil
	default:
		t, err := time.Parse(time.RFC3339Nano, text)
		if !isText || err != nil {
			return mismatch("a time as in RFC 3339, such as \"2026-01-31T12:00:00Z\"")
		}
		if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
			return mismatch("a time from year 1 to 9999")
		}
		return t, nil
	}
}

// bind reads the parameters that an item gives and returns them in the order of the statement.
func (q *query) bind(given map[string]json.RawMessage) ([]any, error) {
	values := make(map[string]any, len(q.params))
	for _, p := range q.params {
		raw, ok := given[p.name]
		if !ok || string(raw) == "null" {
			if p.required {
				return nil, ops.Fail(events.ReasonMissingParameter, fmt.Errorf("query %s: parameter %s (%s) is missing", q.name, p.name, p.typ))
			}
			values[p.name] = p.standard
			continue
		}
		v, err := p.value(raw)
		if err != nil {
			return nil, ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("query %s: parameter %s %w", q.name, p.name, err))
		}
		values[p.name] = v
	}
	if err := q.unknown(given); err != nil {
		return nil, err
	}
	args := make([]any, len(q.statement.params))
	for i, name := range q.statement.params {
		args[i] = q.database.dialect.arg(values[name])
	}
	return args, nil
}

// unknown complains about the first parameter that the query does not have.
func (q *query) unknown(given map[string]json.RawMessage) error {
	var names []string
	for name := range given {
		if !slices.ContainsFunc(q.params, func(p param) bool { return p.name == name }) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	known := make([]string, len(q.params))
	for i, p := range q.params {
		known[i] = p.name
	}
	has := "it has none"
	if len(known) > 0 {
		has = "it has " + strings.Join(known, ", ")
	}
	return ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("query %s has no parameter %.60q: %s", q.name, slices.Min(names), has))
}
