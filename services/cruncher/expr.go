package cruncher

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Expr returns the operation expr: it filters and maps a list with expressions of github.com/expr-lang/expr. The list is the JSON body
// handed over by the step before, or else the value so far; it is read one element after the other.
//
// Arguments {"filter": expression, "map": expression, "over": "body" | "value"}, at least one of the first two. In an expression the fields
// of the element are variables, and the element itself is it: {"filter": "price > 3", "map": "{name: name, twice: it.price * 2}"}. filter
// must yield true or false. A document that is no list counts as one element, and the value is then what it is mapped to, or null if it
// is filtered out. A field that is not there is nil; one that is called as a function is reached as it.len. Integers beyond 64 bits and fractions are floats.
func Expr() ops.Op {
	e := expression{programs: newCache(compileExpr)}
	return ops.Op{Name: "expr", Run: e.run, Check: e.check}
}

type expression struct{ programs *cache[*vm.Program] }

type exprArgs struct {
	Filter string `json:"filter"`
	Map    string `json:"map"`
	Over   string `json:"over"`
}

func (a *exprArgs) check() error {
	if a.Over != "" && a.Over != "body" && a.Over != "value" {
		return invalid(`expr: over is %.40q: use "body" or "value", or leave it out`, a.Over)
	}
	return nil
}

func (e expression) check(with json.RawMessage) error {
	args, err := read(ops.Input{With: with}, exprArgs{})
	if err != nil {
		return err
	}
	_, err = e.compile(args)
	return err
}

// exprRun applies the programs of one step.
type exprRun struct {
	filter, mapping *vm.Program // nil if there is none
	vm              vm.VM
	meter           meter
	env             map[string]any
}

func (e expression) compile(args exprArgs) (*exprRun, error) {
	r := &exprRun{env: make(map[string]any, 16)}
	for _, part := range []struct {
		name, text string
		program    **vm.Program
	}{{"filter", args.Filter, &r.filter}, {"map", args.Map, &r.mapping}} {
		if part.text == "" {
			continue
		}
		program, err := e.programs.get(part.text)
		if err != nil {
			return nil, fmt.Errorf("expr: %s: %w", part.name, err)
		}
		*part.program = program
	}
	return r, nil
}

func (e expression) run(ctx context.Context, in ops.Input) (ops.Output, error) {
	args, err := read(in, exprArgs{})
	if err != nil {
		return ops.Output{}, err
	}
	if args.Filter == "" && args.Map == "" {
		return ops.Output{}, missing(`expr needs the argument "filter" or "map", such as {"filter": "price > 3"}`)
	}
	r, err := e.compile(args)
	if err != nil {
		return ops.Output{}, err
	}
	r.meter.ended = func() error {
		if ctx.Err() != nil {
			return interrupted(ctx, "expr")
		}
		return nil
	}
	switch args.Over {
	case "value":
		in.Body, in.BodyRef = nil, nil
	case "body":
		in.Value = nil
	}
	from, err := openRaw(ctx, in, "expr")
	if err != nil {
		return ops.Output{}, err
	}
	defer func() { _ = from.Close() }()
	value, err := r.document(from)
	return ops.Output{Value: value}, err
}

// document applies the programs to a JSON document, and yields what they make of it.
func (r *exprRun) document(src *source) (json.RawMessage, error) {
	elements := newElementReader(src, "expr")
	if !elements.list {
		element, err := elements.next()
		if errors.Is(err, io.EOF) {
			err = ops.Fail(events.ReasonComputation, errors.New("expr: there is nothing to read: the step before left neither a body nor a value"))
		}
		if err != nil {
			return nil, err
		}
		made, kept, err := r.element(element)
		if err == nil {
			_, err = elements.next()
		}
		switch {
		case !errors.Is(err, io.EOF):
			return nil, err
		case !kept:
			return json.RawMessage("null"), nil
		}
		return made, nil
	}
	out := []byte{'['}
	for i := 0; ; i++ {
		element, err := elements.next()
		if errors.Is(err, io.EOF) {
			return append(out, ']'), nil
		}
		if err != nil {
			return nil, err
		}
		made, kept, err := r.element(element)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		if !kept {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		if out = append(out, made...); len(out) >= maxOutputBytes {
			return nil, tooLarge("expr: the value is larger than %d bytes as JSON: filter out more, or map to less", maxOutputBytes)
		}
	}
}

// element applies the programs to one element.
func (r *exprRun) element(element any) (made json.RawMessage, kept bool, err error) {
	clear(r.env)
	if fields, ok := element.(map[string]any); ok {
		maps.Copy(r.env, fields)
	}
	r.env["it"], r.env[meterName] = element, &r.meter
	r.meter.left = exprBudget
	if r.filter != nil {
		v, err := r.eval("filter", r.filter)
		if err != nil {
			return nil, false, err
		}
		keep, ok := v.(bool)
		if !ok {
			return nil, false, ops.Fail(events.ReasonComputation, fmt.Errorf("expr: filter yields %T, not true or false", v))
		}
		if !keep {
			return nil, false, nil
		}
	}
	if r.mapping != nil {
		if element, err = r.eval("map", r.mapping); err != nil {
			return nil, false, err
		}
		if err := r.meter.charge(element); err != nil { // it may be small in memory and huge when it is written
			return nil, false, err
		}
	}
	if made, err = json.Marshal(element); err != nil {
		return nil, false, ops.Fail(events.ReasonComputation, fmt.Errorf("expr: encode what map yields: %w", err))
	}
	if len(made) > maxOutputBytes {
		return nil, false, tooLarge("expr: an element becomes %d bytes as JSON, and at most %d travel on: map to less", len(made), maxOutputBytes)
	}
	return made, true, nil
}

func (r *exprRun) eval(what string, program *vm.Program) (any, error) {
	v, err := r.vm.Run(program, r.env)
	if err == nil {
		return v, r.meter.ended()
	}
	if r.meter.verdict != nil {
		return nil, r.meter.verdict
	}
	if f, ok := errors.AsType[*file.Error](err); ok {
		if f.Message == "memory budget exceeded" {
			return nil, tooLarge("expr: %s makes lists with more than a million elements: make shorter ones", what)
		}
		err = errors.New(f.Message)
	}
	return nil, ops.Fail(events.ReasonComputation, fmt.Errorf("expr: %s: %w", what, err))
}

// openRaw opens the body, or else the value as JSON.
func openRaw(ctx context.Context, in ops.Input, what string) (*source, error) {
	if in.Body == nil && in.BodyRef == nil {
		in.Body, in.Value = bytes.TrimSpace(in.Value), nil
	}
	return open(ctx, in, what)
}
