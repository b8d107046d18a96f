package fetcher

import (
	"context"

	"github.com/fetchmill/fetchmill/pkg/ops"
)

// noopOp does nothing: for measuring the pipeline itself.
var noopOp = ops.Op{Name: "noop", Run: func(context.Context, ops.Input) (ops.Output, error) { return ops.Output{}, nil }}
