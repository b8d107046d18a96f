package cruncher

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// read reads arguments over their defaults and refuses bad values; what is absent is not its concern.
func read[A any, P interface {
	*A
	check() error
}](in ops.Input, defaults A,
) (A, error) {
	args := defaults
	if err := in.Args(&args); err != nil {
		return args, err
	}
	err := P(&args).check()
	return args, err
}

// checker makes an ops.Op.Check of arguments that check themselves.
func checker[A any, P interface {
	*A
	check() error
}](defaults A,
) func(json.RawMessage) error {
	return func(with json.RawMessage) error {
		_, err := read[A, P](ops.Input{With: with}, defaults)
		return err
	}
}

// strict decodes JSON and refuses fields that v does not have.
func strict(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

// invalid refuses an argument.
func invalid(format string, args ...any) error {
	return ops.Fail(events.ReasonInvalidParameter, fmt.Errorf(format, args...))
}

// missing says which argument an operation needs.
func missing(format string, args ...any) error {
	return ops.Fail(events.ReasonMissingParameter, fmt.Errorf(format, args...))
}

// tooLarge refuses what is beyond a bound.
func tooLarge(format string, args ...any) error {
	return ops.Fail(events.ReasonTooLarge, fmt.Errorf(format, args...))
}

// within refuses a number outside of its bounds; nil is absent.
func within(op, name string, n *int64, low, high int64) error {
	if n != nil && (*n < low || *n > high) {
		return invalid("%s: %s is %d: use a number from %d to %d", op, name, *n, low, high)
	}
	return nil
}
