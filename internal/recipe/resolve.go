package recipe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Resolve checks an item's input against the recipe and makes its plan. A plain text is read as the primary parameter; a
// parameter that is null counts as absent, unless its type is any. Its errors are of type *ParamError.
func (r *Recipe) Resolve(in events.Input) (Order, error) {
	var few [12]json.RawMessage
	values := few[:]
	if most := len(r.Params) + len(partParams); most > len(few) {
		values = make([]json.RawMessage, most)
	}
	all := values
	values = values[:len(r.Params)]

	key, err := r.read(in, values)
	if err != nil {
		return Order{}, err
	}
	for i := range r.Params {
		if values[i] != nil {
			continue
		}
		p := &r.Params[i]
		if p.Default == nil && p.Required {
			return Order{}, r.missing(p)
		}
		values[i] = p.Default
		if i == r.primary && p.Default != nil {
			_, key, _ = p.check(p.Default) // checked when the recipe was parsed
		}
	}
	order := Order{Key: key, Params: r.encode(values)}
	if r.expansion != nil {
		order.Parts, err = r.expansion.parts(&r.plan, all)
	} else {
		order.Plan, err = r.plan.resolve(values)
	}
	if err != nil {
		return Order{}, err
	}
	return order, nil
}

// read fills in the values that the input has and returns the text of the primary parameter.
func (r *Recipe) read(in events.Input, values []json.RawMessage) (key string, err error) {
	if len(in.Params) > 0 {
		return r.readObject(in.Params, values)
	}
	if in.Text == "" {
		return "", nil
	}
	if r.primary < 0 {
		return "", &ParamError{Reason: events.ReasonInvalidParameter, Err: fmt.Errorf(
			"recipe %s takes no plain text: send its parameters as a JSON object, for example: %s", r.Name, r.example)}
	}
	p := &r.Params[r.primary]
	values[r.primary], key, err = p.fromText(in.Text)
	if err != nil {
		return "", r.invalid(p, err)
	}
	return key, nil
}

func (r *Recipe) readObject(params json.RawMessage, values []json.RawMessage) (key string, err error) {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(params, &given); err != nil {
		return "", &ParamError{Reason: events.ReasonInvalidParameter, Err: fmt.Errorf(
			"the parameters are not a JSON object: %w; send for example: %s", err, r.example)}
	}
	found := 0
	for i := range r.Params {
		p := &r.Params[i]
		raw, ok := given[p.Name]
		if !ok {
			continue
		}
		found++
		if raw[0] == 'n' && p.Type != TypeAny {
			continue
		}
		value, text, err := p.check(raw)
		if err != nil {
			return "", r.invalid(p, err)
		}
		values[i] = value
		if i == r.primary {
			key = text
		}
	}
	if found < len(given) {
		return "", r.unknown(given)
	}
	return key, nil
}

// ParamsFromText makes a JSON object of parameters from their values as text, such as the cells of a table; each is read as
// the type of its parameter wants it. An empty text is an absent parameter. Its errors are of type *ParamError.
func (r *Recipe) ParamsFromText(names, texts []string) (json.RawMessage, error) {
	dst := []byte{'{'}
	for i, name := range names {
		place, ok := r.index[name]
		if !ok {
			return nil, r.unknown(map[string]json.RawMessage{name: nil})
		}
		if i >= len(texts) || texts[i] == "" {
			continue
		}
		p := &r.Params[place]
		value, _, err := p.fromText(texts[i])
		if err != nil {
			return nil, r.invalid(p, err)
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = appendMember(dst, name, value)
	}
	return append(dst, '}'), nil
}

// encode writes the parameters in the order of their names.
func (r *Recipe) encode(values []json.RawMessage) json.RawMessage {
	size := 2
	for i, v := range values {
		if v != nil {
			size += len(r.Params[i].Name) + len(v) + 4
		}
	}
	if size == 2 {
		return noParams
	}
	dst := append(make([]byte, 0, size), '{')
	for _, i := range r.sorted {
		if values[i] == nil {
			continue
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = appendMember(dst, r.Params[i].Name, values[i])
	}
	return append(dst, '}')
}

var noParams = json.RawMessage("{}")

func appendMember(dst []byte, name string, value json.RawMessage) []byte {
	dst = append(dst, '"') // names of parameters need no escapes
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	return append(dst, value...)
}

func (r *Recipe) missing(p *Param) error {
	how := "send it in a JSON object"
	if p.Name == r.Primary {
		how = "send it as plain text or in a JSON object"
	}
	return &ParamError{Reason: events.ReasonMissingParameter, Param: p.Name, Err: fmt.Errorf(
		"parameter %q of recipe %s is missing: %s, for example: %s", p.Name, r.Name, how, r.example)}
}

func (r *Recipe) invalid(p *Param, err error) error {
	return &ParamError{Reason: events.ReasonInvalidParameter, Param: p.Name, Err: fmt.Errorf(
		"parameter %q of recipe %s %w; send for example: %s", p.Name, r.Name, err, r.example)}
}

// unknown complains about the first, in alphabetical order, of the parameters that the recipe does not have.
func (r *Recipe) unknown(given map[string]json.RawMessage) error {
	name := ""
	for n := range given {
		if _, known := r.index[n]; !known && (name == "" || n < name) {
			name = n
		}
	}
	known := make([]string, len(r.sorted))
	for i, place := range r.sorted {
		known[i] = r.Params[place].Name
	}
	knows := "has no parameters"
	if len(known) > 0 {
		knows = "knows " + strings.Join(known, ", ")
	}
	hint := ""
	if near := suggest(name, known); near != "" {
		hint = fmt.Sprintf(" (did you mean %q?)", near)
	}
	return &ParamError{Reason: events.ReasonInvalidParameter, Param: name, Err: fmt.Errorf(
		"unknown parameter %.60q%s: recipe %s %s; send for example: %s", name, hint, r.Name, knows, r.example)}
}

func compact(raw json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	b.Grow(len(raw))
	if err := json.Compact(&b, raw); err != nil {
		panic(fmt.Sprintf("recipe: a checked value is not JSON: %v", err)) // callers have decoded it
	}
	return b.Bytes()
}
