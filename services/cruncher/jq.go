package cruncher

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/itchyny/gojq"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Bounds of what a query may yield. A result must fit into a message, and a message into a broker's usual maximum of 1 MiB.
const (
	maxOutputs     = 10_000
	maxOutputBytes = 512 << 10
	maxOutputDepth = 1_000 // readers of JSON stop somewhere: Go's at 10,000
	maxQueryBytes  = 64 << 10
)

// JQ returns the operation jq: it runs a jq query over the body handed over by the step before, read as one JSON document, or over the
// value so far. One output is the new value, several are an array, none is null. Arguments {"query": string, "limit": integer}; only
// the first limit outputs are computed. Large integers stay exact. The query sees no environment, no files and no other input.
func JQ() ops.Op {
	q := jq{queries: newCache(compileQuery)}
	return ops.Op{Name: "jq", Run: q.run, Check: q.check}
}

type jq struct{ queries *cache[*gojq.Code] }

type jqArgs struct {
	Query string `json:"query"`
	Limit *int64 `json:"limit"`
}

func (a *jqArgs) check() error { return within("jq", "limit", a.Limit, 1, maxOutputs) }

func (q jq) check(with json.RawMessage) error {
	args, err := read(ops.Input{With: with}, jqArgs{})
	if err != nil || args.Query == "" {
		return err
	}
	_, err = q.queries.get(args.Query)
	return err
}

func (q jq) run(ctx context.Context, in ops.Input) (ops.Output, error) {
	args, err := read(in, jqArgs{})
	if err != nil {
		return ops.Output{}, err
	}
	limit := 0
	if args.Limit != nil {
		limit = int(*args.Limit)
	}
	code, err := q.queries.get(args.Query)
	if err != nil {
		return ops.Output{}, err
	}
	doc, err := parseDocument(subject(in))
	if err != nil {
		return ops.Output{}, err
	}
	outputs, err := collect(ctx, code.RunWithContext(ctx, doc), limit)
	if err != nil {
		return ops.Output{}, err
	}
	value, err := encodeOutputs(outputs)
	return ops.Output{Value: value}, err
}

// parseDocument reads one JSON document and keeps its numbers as they are written.
func parseDocument(data []byte) (any, error) {
	fail := func(format string, args ...any) (any, error) {
		return nil, ops.Fail(events.ReasonComputation, fmt.Errorf(format, args...))
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(data)) == 0 {
		return fail("jq: there is nothing to read: the step before left neither a body nor a value")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var doc any
	if err := dec.Decode(&doc); err != nil {
		return fail("jq: the body is not JSON (%w): it begins with %.60q", err, data)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fail("jq: the body is more than one JSON document: the second begins before byte %d of %d", dec.InputOffset()+1, len(data))
	}
	return doc, nil
}

// collect takes the outputs, at most limit if limit is not 0.
func collect(ctx context.Context, iter gojq.Iter, limit int) ([]any, error) {
	var outputs []any
	for limit == 0 || len(outputs) < limit {
		v, ok := iter.Next()
		if !ok {
			return outputs, nil
		}
		if err, isErr := v.(error); isErr {
			if halt, ok := errors.AsType[*gojq.HaltError](err); ok && halt.Value() == nil {
				return outputs, nil // halt ends the query without an error
			}
			if ctx.Err() != nil {
				return nil, interrupted(ctx, "jq")
			}
			return nil, ops.Fail(events.ReasonComputation, fmt.Errorf("jq: %w", err))
		}
		if len(outputs) == maxOutputs {
			return nil, ops.Fail(events.ReasonTooLarge, fmt.Errorf("jq: the query yields more than %d outputs: select fewer, or set a limit", maxOutputs))
		}
		outputs = append(outputs, v)
	}
	return outputs, nil
}

// encodeOutputs writes the outputs in the form in which they travel on.
func encodeOutputs(outputs []any) (json.RawMessage, error) {
	tooLarge := func(what string) error {
		return ops.Fail(events.ReasonTooLarge, fmt.Errorf("jq: the outputs are %s: select less", what))
	}
	var v any
	switch len(outputs) {
	case 0:
	case 1:
		v = outputs[0]
	default:
		v = outputs
	}
	left := maxOutputBytes
	switch measure(v, &left, maxOutputDepth) {
	case tooMany:
		return nil, tooLarge(fmt.Sprintf("larger than %d bytes as JSON", maxOutputBytes))
	case tooDeep:
		return nil, tooLarge(fmt.Sprintf("nested deeper than %d", maxOutputDepth))
	}
	raw, err := gojq.Marshal(v)
	if err != nil {
		return nil, ops.Fail(events.ReasonComputation, fmt.Errorf("jq: encode the outputs: %w", err))
	}
	// On its way a value is escaped as encoding/json does it, which can make it six times as long.
	if raw, err = json.Marshal(json.RawMessage(raw)); err != nil {
		return nil, ops.Fail(events.ReasonComputation, fmt.Errorf("jq: encode the outputs: %w", err))
	}
	if len(raw) > maxOutputBytes {
		return nil, tooLarge(fmt.Sprintf("%d bytes as JSON, and at most %d travel on", len(raw), maxOutputBytes))
	}
	return raw, nil
}
