// Package jq runs jq queries over documents that strangers have made: compiled queries are kept, numbers stay exact, no query computes
// longer than its context or fills the memory, and nothing is written out before it is known to be small enough.
//
// It is what the operations of several stages stand on. Its errors are verdicts (see pkg/ops).
package jq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/itchyny/gojq"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

const (
	maxDepth      = 1_000 // of outputs; readers of JSON stop somewhere: Go's at 10,000
	maxQueryBytes = 64 << 10
)

// Query is a compiled query. It is safe for concurrent use.
type Query struct{ code *gojq.Code }

// Outputs runs the query over a document, output by output. It ends with the first error: the query's own, or one that says nothing
// useful when ctx has ended, which the caller looks at first.
func (q *Query) Outputs(ctx context.Context, doc any) iter.Seq2[any, error] {
	return q.Within(ctx, doc, func(int64) error { return nil })
}

// Within is Outputs for one who shares out memory: reserve is told from time to time how many bytes the query may hold beside the document, a
// number that only grows, to maxReserved at most. Its error ends the query.
func (q *Query) Within(ctx context.Context, doc any, reserve func(bytes int64) error) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		m := newMeter(reserve)
		for outputs := q.code.RunWithContext(ctx, doc, m); ; {
			v, ok := outputs.Next()
			if m.verdict != nil { // it would be one even if the query has caught it
				yield(nil, m.verdict)
				return
			}
			if !ok {
				return
			}
			if err, isErr := v.(error); isErr {
				if halt, ok := errors.AsType[*gojq.HaltError](err); !ok || halt.Value() != nil { // without a value it ends the query, and is no error
					yield(nil, ops.Fail(events.ReasonComputation, fmt.Errorf("jq: %w", err)))
				}
				return
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}

// Decode reads one JSON document and keeps its numbers as they are written.
func Decode(data []byte) (any, error) {
	fail := func(format string, args ...any) (any, error) {
		return nil, ops.Fail(events.ReasonComputation, fmt.Errorf(format, args...))
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(data)) == 0 {
		return fail("jq: there is nothing to read: neither a body nor a value is there")
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

// Encode writes what a query has made, if it is not longer than limit as JSON nor nested too deeply.
func Encode(v any, limit int) (json.RawMessage, error) {
	tooLarge := func(what string) error {
		return ops.Fail(events.ReasonTooLarge, fmt.Errorf("jq: the outputs are %s: select less", what))
	}
	left := limit
	switch measure(v, &left, maxDepth) {
	case tooMany:
		return nil, tooLarge(fmt.Sprintf("larger than %d bytes as JSON", limit))
	case tooDeep:
		return nil, tooLarge(fmt.Sprintf("nested deeper than %d", maxDepth))
	}
	raw, err := gojq.Marshal(v)
	if err != nil {
		return nil, ops.Fail(events.ReasonComputation, fmt.Errorf("jq: encode the outputs: %w", err))
	}
	// On its way a value is escaped as encoding/json does it, which can make it six times as long.
	if raw, err = json.Marshal(json.RawMessage(raw)); err != nil {
		return nil, ops.Fail(events.ReasonComputation, fmt.Errorf("jq: encode the outputs: %w", err))
	}
	if len(raw) > limit {
		return nil, tooLarge(fmt.Sprintf("%d bytes as JSON, and at most %d travel on", len(raw), limit))
	}
	return raw, nil
}
