package cruncher

import (
	"context"
	"fmt"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher/picture"
)

// imageBytes reads the file that an operation on images works on: the body handed over by the step before, inline or stored. A value is no
// image.
func imageBytes(ctx context.Context, in ops.Input) ([]byte, error) {
	switch {
	case !in.Inline(): // which it reserves memory for
		return subject(ctx, in, "image", picture.MaxBytes)
	case len(in.Body) > picture.MaxBytes:
		return nil, ops.Fail(events.ReasonTooLarge, fmt.Errorf("image: the body has %d bytes, and at most %d can be read", len(in.Body), picture.MaxBytes))
	}
	return in.Body, nil
}
