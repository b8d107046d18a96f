package cruncher

import (
	"context"
	"fmt"
	"math"

	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Increment returns the operation increment, a load for one processor like count, but with a function call for each addition, as an
// interpreter would have it. Arguments {"n": integer}, value {"value": integer}.
func Increment() ops.Op {
	return ops.Op{Name: "increment", Run: increment, Check: checker(incrementArgs{})}
}

type incrementArgs struct {
	N *int64 `json:"n"`
}

func (a *incrementArgs) check() error { return within("increment", "n", a.N, 0, math.MaxInt64) }

func increment(ctx context.Context, in ops.Input) (ops.Output, error) {
	args, err := read(in, incrementArgs{})
	if err != nil {
		return ops.Output{}, err
	}
	if args.N == nil {
		return ops.Output{}, missing(`increment needs the argument "n", such as {"n": 1000000}`)
	}
	const between = 1 << 18 // increments between two looks at the context: less than a millisecond
	value, n := int64(0), *args.N
	for n > 0 {
		if ctx.Err() != nil {
			return ops.Output{}, interrupted(ctx, fmt.Sprintf("%d of %d increments", value, *args.N))
		}
		group := min(between, n)
		for range group {
			value = successor(value)
		}
		n -= group
	}
	return ops.Output{Value: ops.JSON(map[string]int64{"value": value})}, nil
}

// successor is not inlined, and each call needs the result of the one before: the compiler can leave none out.
//
//go:noinline
func successor(n int64) int64 { return n + 1 }
