package cruncher

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"

	"github.com/fetchmill/fetchmill/pkg/ops"
)

const (
	maxFactorial   = 300_000 // 1,512,852 digits, about a second; writing them down takes half of it and cannot be interrupted
	maxDigitsShown = 1_000   // a number with more is told by its hash and its ends
	endDigits      = 20
)

// Factorial returns the operation factorial: n! exactly. Arguments {"n": integer from 0 to 300,000}; value {"n", "digits", "value"} with
// all decimal digits as a string if they are at most 1,000, and {"n", "digits", "sha256", "first", "last"} if there are more:
// the hash of the digits, and the first and last 20 of them.
func Factorial() ops.Op {
	return ops.Op{Name: "factorial", Run: factorial, Check: checker(factorialArgs{})}
}

type factorialArgs struct {
	N *int64 `json:"n"`
}

func (a *factorialArgs) check() error { return within("factorial", "n", a.N, 0, maxFactorial) }

// factorialValue is the value of the operation factorial.
type factorialValue struct {
	N      int64  `json:"n"`
	Digits int    `json:"digits"`
	Value  string `json:"value,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	First  string `json:"first,omitempty"`
	Last   string `json:"last,omitempty"`
}

func factorial(ctx context.Context, in ops.Input) (ops.Output, error) {
	args, err := read(in, factorialArgs{})
	if err != nil {
		return ops.Output{}, err
	}
	if args.N == nil {
		return ops.Output{}, missing(`factorial needs the argument "n", such as {"n": 1000}`)
	}
	n := *args.N
	product, ok := productOf(ctx, 1, max(n, 1))
	if !ok {
		return ops.Output{}, interrupted(ctx, fmt.Sprintf("factorial of %d", n))
	}
	text := product.String()
	if ctx.Err() != nil {
		return ops.Output{}, interrupted(ctx, fmt.Sprintf("factorial of %d", n))
	}
	value := factorialValue{N: n, Digits: len(text)}
	if len(text) <= maxDigitsShown {
		value.Value = text
	} else {
		sum := sha256.Sum256([]byte(text))
		value.SHA256, value.First, value.Last = hex.EncodeToString(sum[:]), text[:endDigits], text[len(text)-endDigits:]
	}
	return ops.Output{Value: ops.JSON(value)}, nil
}

// productOf multiplies all integers from low to high. It splits them into halves, so that the large factors are of about the same size,
// which is where big numbers multiply fast. It gives up when the context ends.
func productOf(ctx context.Context, low, high int64) (*big.Int, bool) {
	if ctx.Err() != nil {
		return nil, false
	}
	const piece = 4096 // factors that are multiplied without a look at the context
	if high-low < piece {
		return new(big.Int).MulRange(low, high), true
	}
	middle := low + (high-low)/2
	left, ok := productOf(ctx, low, middle)
	if !ok {
		return nil, false
	}
	right, ok := productOf(ctx, middle+1, high)
	if !ok {
		return nil, false
	}
	return left.Mul(left, right), true
}
