package cruncher

import (
	"context"
	"errors"
	"fmt"
	"io"

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

// subject is what an operation that needs all bytes at once works on: the body of the step before, of at most so many bytes, or else the
// value so far. what names the operation in errors.
func subject(ctx context.Context, in ops.Input, what string, most int64) ([]byte, error) {
	switch size := in.Size(); {
	case !in.HasBody():
		return in.Value, nil
	case in.Inline():
		return in.Body, nil
	case size > most:
		return nil, ops.Fail(events.ReasonTooLarge, fmt.Errorf(
			"%s: the body has %d bytes, and at most %d can be read: fetch less, or set max_bytes so that nothing larger is fetched", what, size, most))
	}
	if err := in.Reserve(in.Size()); err != nil {
		return nil, err
	}
	body, err := in.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	data := make([]byte, in.Size())
	if _, err := io.ReadFull(body, data); err != nil {
		return nil, unread(ctx, what, err)
	}
	if _, err := body.Read(make([]byte, 1)); err != io.EOF { // the end tells whether it was what was stored
		return nil, unread(ctx, what, err)
	}
	return data, nil
}

// readingBytes is how much memory it takes to read the body handed over by the step before, of at most so many bytes, into a buffer that
// grows; nothing if it is in memory already.
func readingBytes(in ops.Input, most int64) int64 {
	if in.Inline() {
		return 0
	}
	return 2 * min(in.Size(), most)
}

// unread is the verdict on an error of reading a body.
func unread(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return interrupted(ctx, what)
	}
	if _, judged := errors.AsType[*ops.Failure](err); judged {
		return fmt.Errorf("%s: %w", what, err)
	}
	return ops.Retry(events.ReasonStorage, fmt.Errorf("%s: read the body: %w", what, err))
}
