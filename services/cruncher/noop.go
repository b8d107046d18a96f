package cruncher

import (
	"context"

	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Noop returns the operation noop, which leaves the value as it is and ignores its arguments.
func Noop() ops.Op {
	return ops.Op{Name: "noop", Run: func(context.Context, ops.Input) (ops.Output, error) { return ops.Output{}, nil }}
}
