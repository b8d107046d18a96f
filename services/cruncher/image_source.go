package cruncher

import (
	"context"
	"fmt"
	"io"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher/picture"
)

// imageBytes reads the file that an operation on images works on: the body handed over by the step before, inline or stored.
func imageBytes(ctx context.Context, in ops.Input) ([]byte, error) {
	tooLarge := func(bytes int64) error {
		return ops.Fail(events.ReasonTooLarge, fmt.Errorf("the image file has %d bytes or more: at most %d are read", bytes, picture.MaxBytes))
	}
	if in.BodyRef == nil {
		if len(in.Body) > picture.MaxBytes {
			return nil, tooLarge(int64(len(in.Body)))
		}
		return in.Body, nil
	}
	if in.BodyRef.Bytes > picture.MaxBytes {
		return nil, tooLarge(in.BodyRef.Bytes)
	}
	body, err := in.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, picture.MaxBytes+1))
	switch {
	case ctx.Err() != nil:
		return nil, interrupted(ctx, "read the image")
	case err != nil:
		return nil, ops.Retry(events.ReasonStorage, fmt.Errorf("read the image: %w", err))
	case len(data) > picture.MaxBytes:
		return nil, tooLarge(int64(len(data)))
	}
	return data, nil
}
