package cruncher

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/fetchmill/fetchmill/internal/jq"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Bounds of what a query may yield. A result must fit into a message, and a message into a broker's usual maximum of 1 MiB.
const (
	maxOutputs     = 10_000
	maxOutputBytes = 512 << 10
	// maxDocument is how large a document may be. In memory it takes some ten times as much.
	maxDocument = 16 << 20
)

// JQ returns the operation jq: it runs a jq query over the body handed over by the step before, read as one JSON document, or over the
// value so far. One output is the new value, several are an array, none is null. Arguments {"query": string, "limit": integer, "optional": boolean}; only
// the first limit outputs are computed. Large integers stay exact. The query sees no environment, no files and no other input.
// With "optional": true an answer without a body, such as 204 of an API, is null and not a failure.
func JQ() ops.Op {
	q := jqOp{cache: jq.NewCache(maxCached)}
	return ops.Op{Name: "jq", Run: q.run, Check: q.check}
}

type jqOp struct{ cache *jq.Cache }

type jqArgs struct {
	Query    string `json:"query"`
	Limit    *int64 `json:"limit"`
	Optional bool   `json:"optional"`
}

func (a *jqArgs) check() error { return within("jq", "limit", a.Limit, 1, maxOutputs) }

func (q jqOp) check(with json.RawMessage) error {
	args, err := read(ops.Input{With: with}, jqArgs{})
	if err != nil || args.Query == "" {
		return err
	}
	_, err = q.cache.Get(args.Query)
	return err
}

func (q jqOp) run(ctx context.Context, in ops.Input) (ops.Output, error) {
	args, err := read(in, jqArgs{})
	if err != nil {
		return ops.Output{}, err
	}
	if args.Query == "" {
		return ops.Output{}, missing(`jq needs the argument "query", such as {"query": ".items[0].name"}`)
	}
	limit := 0
	if args.Limit != nil {
		limit = int(*args.Limit)
	}
	query, err := q.cache.Get(args.Query)
	if err != nil {
		return ops.Output{}, err
	}
	data, err := subject(ctx, in, "jq", maxDocument)
	if err != nil {
		return ops.Output{}, err
	}
	if len(data) == 0 && args.Optional {
		return ops.Output{Value: json.RawMessage("null")}, nil
	}
	document := int64(len(data)) + jq.DocumentBytes(data)
	if err := in.Reserve(document); err != nil {
		return ops.Output{}, err
	}
	doc, err := jq.Decode(data)
	if err != nil {
		return ops.Output{}, err
	}
	outputs, err := collect(ctx, query.Within(ctx, doc, func(made int64) error { return in.Reserve(document + made) }), limit)
	if err != nil {
		return ops.Output{}, err
	}
	value, err := encodeOutputs(outputs)
	return ops.Output{Value: value}, err
}

// collect takes the outputs, at most limit if limit is not 0.
func collect(ctx context.Context, query iter.Seq2[any, error], limit int) ([]any, error) {
	var outputs []any
	for v, err := range query {
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, interrupted(ctx, "jq")
		case err != nil:
			return nil, err
		case len(outputs) == maxOutputs:
			return nil, ops.Fail(events.ReasonTooLarge, fmt.Errorf("jq: the query yields more than %d outputs: select fewer, or set a limit", maxOutputs))
		}
		outputs = append(outputs, v)
		if len(outputs) == limit {
			break
		}
	}
	return outputs, nil
}

// encodeOutputs writes the outputs in the form in which they travel on.
func encodeOutputs(outputs []any) (json.RawMessage, error) {
	var v any
	switch len(outputs) {
	case 0:
	case 1:
		v = outputs[0]
	default:
		v = outputs
	}
	return jq.Encode(v, maxOutputBytes)
}
