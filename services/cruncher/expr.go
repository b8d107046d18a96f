package cruncher

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/fetchmill/fetchmill/internal/expression"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Expr returns the operation expr: it filters and maps a list with expressions of github.com/expr-lang/expr. The list is the JSON body
// handed over by the step before, or else the value so far; it is read one element after the other.
//
// Arguments {"filter": expression, "map": expression, "over": "body" | "value" | "text"}, at least one of the first two. In an expression the fields
// of the element are variables, and the element itself is it: {"filter": "price > 3", "map": "{name: name, twice: it.price * 2}"}. filter
// must yield true or false. A document that is no list counts as one element, and the value is then what it is mapped to, or null if it
// is filtered out. Over "text" the one element is the body, or a value that is a string, as text. A field that is not there is nil; one that is called as a function is reached as it.len. Integers beyond 64 bits and fractions are floats.
func Expr() ops.Op {
	e := exprOp{programs: newCache(func(text string) (*expression.Program, error) { return expression.Compile(text, expression.Open()) })}
	return ops.Op{Name: "expr", Run: e.run, Check: e.check}
}

type exprOp struct{ programs *cache[*expression.Program] }

type exprArgs struct {
	Filter string `json:"filter"`
	Map    string `json:"map"`
	Over   string `json:"over"`
}

func (a *exprArgs) check() error {
	switch a.Over {
	case "", "body", "value", "text":
		return nil
	}
	return invalid(`expr: over is %.40q: use "body", "value" or "text", or leave it out`, a.Over)
}

func (e exprOp) check(with json.RawMessage) error {
	args, err := read(ops.Input{With: with}, exprArgs{})
	if err != nil {
		return err
	}
	_, err = e.compile(args)
	return err
}

// exprRun applies the programs of one step.
type exprRun struct {
	filter, mapping *expression.Program // nil if there is none
	machine         *expression.Machine
}

func (e exprOp) compile(args exprArgs) (*exprRun, error) {
	r := &exprRun{machine: expression.NewMachine(expression.Limits{})}
	for _, part := range []struct {
		name, text string
		program    **expression.Program
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

func (e exprOp) run(ctx context.Context, in ops.Input) (ops.Output, error) {
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
	switch args.Over {
	case "value":
		in.Body, in.BodyRef, in.Source = nil, nil, nil
	case "body":
		in.Value = nil
	}
	if err := in.Reserve(exprBytes(in)); err != nil {
		return ops.Output{}, fmt.Errorf("expr: %w", err)
	}
	if args.Over == "text" {
		value, err := r.text(ctx, in)
		return ops.Output{Value: value}, err
	}
	from, err := openRaw(ctx, in, "expr")
	if err != nil {
		return ops.Output{}, err
	}
	defer func() { _ = from.Close() }()
	value, err := r.document(ctx, from)
	return ops.Output{Value: value}, err
}

// text applies the programs to a text, and yields what they make of it.
func (r *exprRun) text(ctx context.Context, in ops.Input) (json.RawMessage, error) {
	from, err := open(ctx, in, "expr")
	if err != nil {
		return nil, err
	}
	defer func() { _ = from.Close() }()
	data, err := io.ReadAll(io.LimitReader(from, maxElementBytes+1))
	if err != nil {
		return nil, from.because(err)
	}
	if len(data) > maxElementBytes {
		return nil, tooLarge("expr: the text is larger than %d bytes", maxElementBytes)
	}
	text := strings.TrimPrefix(string(bytes.ToValidUTF8(data, []byte("\uFFFD"))), "\uFEFF")
	made, kept, err := r.element(ctx, text)
	if err == nil && !kept {
		made = json.RawMessage("null")
	}
	return made, err
}

// document applies the programs to a JSON document, and yields what they make of it.
func (r *exprRun) document(ctx context.Context, src *source) (json.RawMessage, error) {
	elements := newElementReader(src, "expr")
	if !elements.list {
		element, err := elements.next()
		if errors.Is(err, io.EOF) {
			err = ops.Fail(events.ReasonComputation, errors.New("expr: there is nothing to read: the step before left neither a body nor a value"))
		}
		if err != nil {
			return nil, err
		}
		made, kept, err := r.element(ctx, element)
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
		made, kept, err := r.element(ctx, element)
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
func (r *exprRun) element(ctx context.Context, element any) (made json.RawMessage, kept bool, err error) {
	r.machine.Reset()
	if fields, ok := element.(map[string]any); ok {
		r.machine.Set(fields)
	}
	r.machine.Let("it", element)
	if r.filter != nil {
		v, err := r.eval(ctx, "filter", r.filter)
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
		if element, err = r.eval(ctx, "map", r.mapping); err != nil {
			return nil, false, err
		}
		if err := r.machine.Charge(element); err != nil { // it may be small in memory and huge when it is written
			return nil, false, fmt.Errorf("expr: map: %w", err)
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

func (r *exprRun) eval(ctx context.Context, what string, program *expression.Program) (any, error) {
	v, err := r.machine.Run(ctx, program)
	switch {
	case ctx.Err() != nil:
		return nil, interrupted(ctx, "expr")
	case err != nil:
		return nil, fmt.Errorf("expr: %s: %w", what, err)
	}
	return v, nil
}

// openRaw opens the body, or else the value as JSON.
func openRaw(ctx context.Context, in ops.Input, what string) (*source, error) {
	if !in.HasBody() {
		in.Body, in.Value = bytes.TrimSpace(in.Value), nil
	}
	return open(ctx, in, what)
}

// exprBytes is how much memory expr takes: for one element of the document at a time, and for what is made of all of them.
func exprBytes(in ops.Input) int64 {
	const decoded = 12 // times as much as it was as JSON, in most documents
	document := max(in.Size(), int64(len(in.Value)))
	return decoded*min(document, maxElementBytes) + 2*maxOutputBytes
}
