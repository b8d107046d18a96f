package recipe

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"sort"
	"time"
)

// template is a JSON value in which some places stand for parameters. Parts without such places are encoded beforehand.
type template struct {
	kind    kind
	literal json.RawMessage // of isLiteral: the value as it is
	param   int             // of isParam: the place of the parameter
	object  []member
	array   []template
}

type kind int

const (
	isLiteral kind = iota
	isParam
	isObject
	isArray
)

type member struct {
	key   []byte // encoded, with its colon
	value template
}

var refRE = regexp.MustCompile(`^\$([a-z][a-z0-9_]*)$`)

// compile prepares a value as YAML decodes it.
func compile(v any, index map[string]int) (template, error) {
	switch v := v.(type) {
	case string:
		ref := refRE.FindStringSubmatch(v)
		if ref == nil {
			return template{literal: appendQuoted(nil, v)}, nil
		}
		i, ok := index[ref[1]]
		if !ok {
			return template{}, fmt.Errorf("%q stands for a parameter, but there is none of this name under params", v)
		}
		return template{kind: isParam, param: i}, nil
	case map[string]any:
		return compileObject(v, index)
	case []any:
		return compileArray(v, index)
	default:
		raw, err := encodeScalar(v)
		return template{literal: raw}, err
	}
}

func compileObject(m map[string]any, index map[string]int) (template, error) {
	t := template{kind: isObject, object: make([]member, 0, len(m))}
	static := true
	for key, v := range m {
		part, err := compile(v, index)
		if err != nil {
			return t, fmt.Errorf("%s: %w", key, err)
		}
		static = static && part.kind == isLiteral
		t.object = append(t.object, member{key: append(appendQuoted(nil, key), ':'), value: part})
	}
	sort.Slice(t.object, func(i, j int) bool { return string(t.object[i].key) < string(t.object[j].key) })
	return t.folded(static), nil
}

func compileArray(list []any, index map[string]int) (template, error) {
	t := template{kind: isArray, array: make([]template, 0, len(list))}
	static := true
	for i, v := range list {
		part, err := compile(v, index)
		if err != nil {
			return t, fmt.Errorf("[%d]: %w", i, err)
		}
		static = static && part.kind == isLiteral
		t.array = append(t.array, part)
	}
	return t.folded(static), nil
}

// folded encodes a part that depends on no parameter.
func (t template) folded(static bool) template {
	if !static {
		return t
	}
	return template{literal: t.append(nil, nil)}
}

// append writes the template with the values of the parameters. A nil value is absent, and so is what stands for it.
func (t *template) append(dst []byte, values []json.RawMessage) []byte {
	switch t.kind {
	case isParam:
		return append(dst, values[t.param]...)
	case isObject:
		dst = append(dst, '{')
		start := len(dst)
		for i := range t.object {
			m := &t.object[i]
			if m.value.absent(values) {
				continue
			}
			if len(dst) > start {
				dst = append(dst, ',')
			}
			dst = append(dst, m.key...)
			dst = m.value.append(dst, values)
		}
		return append(dst, '}')
	case isArray:
		dst = append(dst, '[')
		start := len(dst)
		for i := range t.array {
			if t.array[i].absent(values) {
				continue
			}
			if len(dst) > start {
				dst = append(dst, ',')
			}
			dst = t.array[i].append(dst, values)
		}
		return append(dst, ']')
	default:
		return append(dst, t.literal...)
	}
}

// params appends the places of the parameters that the template has.
func (t *template) params(places []int) []int {
	if t.kind == isParam {
		return append(places, t.param)
	}
	for i := range t.object {
		places = t.object[i].value.params(places)
	}
	for i := range t.array {
		places = t.array[i].params(places)
	}
	return places
}

func (t *template) absent(values []json.RawMessage) bool {
	return t.kind == isParam && values[t.param] == nil
}

// encodeScalar encodes what YAML yields for null, booleans and numbers.
func encodeScalar(v any) (json.RawMessage, error) {
	switch v := v.(type) {
	case nil, bool, int, int64, uint64:
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, fmt.Errorf("%v is not a JSON number", v)
		}
	case time.Time:
		return nil, fmt.Errorf("a date is not a JSON value: put it in quotes")
	case map[any]any:
		return nil, fmt.Errorf("the keys of an object must be strings: put them in quotes")
	default:
		return nil, fmt.Errorf("%T is not a JSON value", v)
	}
	return json.Marshal(v)
}

// encodeValue encodes a value as YAML decodes it, without looking for parameters.
func encodeValue(v any) (json.RawMessage, error) {
	switch v := v.(type) {
	case string:
		return appendQuoted(nil, v), nil
	case map[string]any, []any:
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("not a JSON value: %w", err)
		}
		return raw, nil
	default:
		return encodeScalar(v)
	}
}

// appendQuoted appends a string as JSON. Most strings need no escapes, and then nothing is allocated.
func appendQuoted(dst []byte, s string) []byte {
	if !isPlain(s) {
		b, err := json.Marshal(s)
		if err != nil {
			panic(fmt.Sprintf("recipe: a string cannot be encoded: %v", err)) // encoding/json encodes every string
		}
		return append(dst, b...)
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// isPlain tells whether s stands in JSON as it is.
func isPlain[T ~string | ~[]byte](s T) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
