package cruncher

import (
	"context"
	"fmt"
	"math"

	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Count returns the operation count, a load for one processor: it counts from a number, 0 if absent, up to another by adding ones.
// Arguments {"from": integer, "to": integer}, value {"count": integer}: how many ones were added.
func Count() ops.Op { return ops.Op{Name: "count", Run: count, Check: checker(countArgs{})} }

type countArgs struct {
	From int64  `json:"from"`
	To   *int64 `json:"to"`
}

func (a *countArgs) check() error {
	if err := within("count", "from", &a.From, 0, math.MaxInt64); err != nil {
		return err
	}
	return within("count", "to", a.To, a.From, math.MaxInt64)
}

func count(ctx context.Context, in ops.Input) (ops.Output, error) {
	args, err := read(in, countArgs{})
	if err != nil {
		return ops.Output{}, err
	}
	if args.To == nil {
		return ops.Output{}, missing(`count needs the argument "to", such as {"to": 10000000}`)
	}
	const between = 1 << 20 // additions between two looks at the context: about half a millisecond
	n := args.From
	for n < *args.To {
		if ctx.Err() != nil {
			return ops.Output{}, interrupted(ctx, fmt.Sprintf("counted to %d of %d", n, *args.To))
		}
		n = addOnes(n, min(between, *args.To-n))
	}
	return ops.Output{Value: ops.JSON(map[string]int64{"count": n - args.From})}, nil
}

// addOnes adds one to n so many times. It is not inlined, so that the compiler cannot see that an addition would do.
//
//go:noinline
func addOnes(n, times int64) int64 {
	for range times {
		n++
	}
	return n
}
