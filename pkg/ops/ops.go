// Package ops is how an operation is written: a named function from what an item carries to what it yields.
// Services are handed a list of operations; a program of your own can add to the list.
//
//	double := ops.Op{Name: "double", Run: func(_ context.Context, in ops.Input) (ops.Output, error) {
//		var args struct{ N int }
//		if err := in.Args(&args); err != nil {
//			return ops.Output{}, err
//		}
//		return ops.Output{Value: ops.JSON(2 * args.N)}, nil
//	}}
package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Op is one operation that a stage can do.
type Op struct {
	// Name is how recipes call it: lower-case words joined by dots, such as "http.get".
	Name string
	// Run does the operation. It must return soon after ctx ends. An error made by Retry, RetryAfter or Fail says what
	// to do next; any other error fails the item with events.ReasonComputation. Output counts even with an error,
	// so a failed item can still tell what was found.
	Run func(ctx context.Context, in Input) (Output, error)
}

// Input is what an operation works on.
type Input struct {
	With    json.RawMessage // the step's arguments, a JSON object
	Value   json.RawMessage // what earlier steps have made, nil if nothing
	Body    []byte          // bytes handed over by the step before, nil if none
	Attempt int             // 1 for the first try
}

// Args reads the step's arguments into v and refuses those that v does not have.
func (in Input) Args(v any) error {
	if len(in.With) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(in.With))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return Fail(events.ReasonInvalidParameter, fmt.Errorf("arguments of the step: %w", err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Fail(events.ReasonInvalidParameter, errors.New("arguments of the step: there is more after the object"))
	}
	return nil
}

// Output is what an operation yields. A nil Value keeps the value of the steps before.
type Output struct {
	Value json.RawMessage
	Body  []byte             // handed to the next step; never stored
	Fetch *events.FetchFacts // facts of the I/O, if any
}

// JSON encodes a value that is known to be encodable: numbers, strings, and structs and maps of such. It panics on others.
func JSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("ops: value cannot be encoded: %v", err))
	}
	return b
}

// Set is the operations of one stage by name.
type Set map[string]Op

// NewSet makes a set; of operations with the same name the last one counts, so a program can replace a built-in one.
func NewSet(list ...Op) Set {
	s := make(Set, len(list))
	for _, op := range list {
		s[op.Name] = op
	}
	return s
}

// Names lists the operations in alphabetical order.
func (s Set) Names() []string {
	names := make([]string, 0, len(s))
	for n := range s {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}
