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
	// Check, if not nil, judges arguments before there is an input, so that a recipe or an item whose arguments cannot be right is
	// refused when it is saved or submitted. What stands for a parameter that is not known yet is absent, so absence is no fault
	// here. It returns the verdict that Run would. It is called from many goroutines, for some recipes with each item: make it cheap.
	Check func(with json.RawMessage) error
}

// Input is what an operation works on.
type Input struct {
	With    json.RawMessage // the step's arguments, a JSON object
	Value   json.RawMessage // what earlier steps have made, nil if nothing
	Body    []byte          // bytes handed over by the step before, nil if none
	BodyRef *events.BodyRef // stands for bytes that are too many for Body; Open reads them
	Source  *Source         // stands for bytes that the step before has left where they are; Open reads them
	Attempt int             // 1 for the first try

	// Fetch is what is known of how the body was fetched, nil if nothing was. It is not to be changed.
	Fetch *events.FetchFacts

	ID    string // of the item; the same at every attempt, so it serves as idempotency key
	Batch string // of the item, empty if it has none
	Index int64  // of the item in its batch, from 0

	// Stored opens a body that is kept in the object store. It is set by the stage.
	Stored func(ctx context.Context, ref events.BodyRef) (io.ReadCloser, error)
	// Parking gives the operation's place away, and returns how to take one again. It is set by the stage; operations call Park.
	Parking func() (resume func())
	// Reserving claims memory for the operation. It is set by the stage; operations call Reserve.
	Reserving func(bytes int64) error
}

// Open reads the bytes that the step before has handed over, wherever they are. With none it reads nothing. An error of opening is a
// verdict; one of reading is for the caller to classify.
func (in Input) Open(ctx context.Context) (io.ReadCloser, error) {
	if in.Source != nil {
		return in.Source.Open(ctx)
	}
	if in.BodyRef == nil {
		return io.NopCloser(bytes.NewReader(in.Body)), nil
	}
	if in.Stored == nil {
		return nil, Fail(events.ReasonStorage, fmt.Errorf("body %s is kept in an object store, which this worker does not have", in.BodyRef.Object))
	}
	return in.Stored(ctx, *in.BodyRef)
}

// HasBody tells whether the step before has handed over bytes, of whatever kind and be they none.
func (in Input) HasBody() bool { return in.Body != nil || in.BodyRef != nil || in.Source != nil }

// Size is how many bytes Open reads.
func (in Input) Size() int64 {
	switch {
	case in.Source != nil:
		return in.Source.Bytes
	case in.BodyRef != nil:
		return in.BodyRef.Bytes
	}
	return int64(len(in.Body))
}

// Inline tells whether the bytes are in memory already.
func (in Input) Inline() bool { return in.BodyRef == nil && in.Source == nil }

// Park tells the stage that the operation only waits from now on, for the turn of its host for example, so that another item can
// have its place. resume says that it goes on; it must be called, once.
func (in Input) Park() (resume func()) {
	if in.Parking == nil {
		return func() {}
	}
	return in.Parking()
}

// Reserve says that the operation takes up to n bytes of memory from now on, with all that it hands to the next step, and beside
// the item's own message. Call it before taking them, and again when they become more; the last call counts. An error is to be returned as
// it is, or wrapped: the item is larger than all the memory that there is for items, or it is begun anew when there is as much as it wants.
// So what an operation has done before it reserves may be done twice.
func (in Input) Reserve(n int64) error {
	if in.Reserving == nil {
		return nil
	}
	return in.Reserving(n)
}

// Args reads the step's arguments into v and refuses those that v does not have.
func (in Input) Args(v any) error {
	if len(in.With) == 0 {
		return nil
	}
	if plain(in.With, v) {
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
	Body  []byte // handed to the next step; never stored
	// BodyRef is handed to the next step instead of Body.
	BodyRef *events.BodyRef
	// Source is handed to the next step instead of Body, if that runs in the same worker: it does not travel.
	Source *Source
	Fetch  *events.FetchFacts // facts of the I/O, if any
}

// Source is bytes that are read where they are, when they are wanted.
type Source struct {
	Bytes int64
	// Open may be called more than once. Its errors, and those of reading, are verdicts.
	Open func(ctx context.Context) (io.ReadCloser, error)
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

// Checks returns the checks of the operations that have one, by name.
func (s Set) Checks() map[string]func(with json.RawMessage) error {
	checks := make(map[string]func(json.RawMessage) error, len(s))
	for name, op := range s {
		if op.Check != nil {
			checks[name] = op.Check
		}
	}
	return checks
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
