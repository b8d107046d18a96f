package cruncher

import (
	"context"
	"errors"
	"fmt"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Builtin returns the operations that are part of the program, on an empty toolbox: those that need something of it refuse everything.
func Builtin() ops.Set { return NewToolbox(ToolConfig{}).Ops() }

// interrupted is the error of an operation whose context has ended: a timeout if the step's time is up, otherwise
// the context's own error, because then the worker is stopping and the item is to be done elsewhere.
func interrupted(ctx context.Context, what string) error {
	err := fmt.Errorf("%s: %w", what, context.Cause(ctx))
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ops.Fail(events.ReasonTimeout, err)
	}
	return err
}

// subject is what an operation on bytes works on: the body of the step before or else the value so far.
func subject(in ops.Input) []byte {
	if in.Body != nil {
		return in.Body
	}
	return in.Value
}
