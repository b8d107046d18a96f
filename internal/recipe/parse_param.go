package recipe

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// param checks the description of a parameter.
func (d *paramDocument) param(name string) (Param, error) {
	p := Param{
		Name: name, Type: d.Type, Required: d.Required, Min: d.Min, Max: d.Max, MaxLength: d.MaxLength, Help: d.Help,
	}
	if !slices.Contains(types(), d.Type) {
		return p, fmt.Errorf("type %.40q: use one of %v", d.Type, types())
	}
	if err := p.checkBounds(); err != nil {
		return p, err
	}
	var enum []json.RawMessage
	for i, e := range d.Enum {
		raw, err := p.value(e)
		if err != nil {
			return p, fmt.Errorf("value %d of enum: %w", i+1, err)
		}
		enum = append(enum, raw)
	}
	p.Enum = enum
	var err error
	if d.Default != nil {
		if d.Required {
			return p, errors.New("a parameter with a default is not required: leave one of the two out")
		}
		if p.Default, err = p.value(d.Default); err != nil {
			return p, fmt.Errorf("default %w", err)
		}
	}
	if d.Example != nil {
		if p.Example, err = p.value(d.Example); err != nil {
			return p, fmt.Errorf("example %w", err)
		}
	}
	return p, nil
}

func (p *Param) checkBounds() error {
	isNumber := p.Type == TypeInteger || p.Type == TypeNumber
	isText := p.Type == TypeString || p.Type == TypeURL
	switch {
	case (p.Min != nil || p.Max != nil) && !isNumber:
		return fmt.Errorf("min and max are for integers and numbers, not for type %s", p.Type)
	case p.Min != nil && p.Max != nil && *p.Min > *p.Max:
		return fmt.Errorf("min %s is greater than max %s", float(*p.Min), float(*p.Max))
	case p.MaxLength != 0 && !isText:
		return fmt.Errorf("max_length is for strings and URLs, not for type %s", p.Type)
	case p.MaxLength < 0:
		return fmt.Errorf("max_length %d is negative", p.MaxLength)
	}
	return nil
}

// value encodes a value of the document and checks it like one that a user sends.
func (p *Param) value(v any) (json.RawMessage, error) {
	raw, err := encodeValue(v)
	if err != nil {
		return nil, err
	}
	raw, _, err = p.check(raw)
	return raw, err
}
