package cruncher

import (
	"context"
	"fmt"

	"github.com/fetchmill/fetchmill/pkg/ops"
)

const (
	maxPrime       = 100_000_000_000_000 // what is kept in memory are the primes up to its root, 664,578
	maxPrimesShown = 10_000
)

// Primes returns the operation primes: how many primes there are from one number to another, both inclusive, and which if asked.
// Arguments {"n": integer} for those up to n, or {"from": integer, "to": integer}; {"list": true} adds the list, of at most 10,000.
// Numbers are at most 10^14. Value {"from", "to", "count", "first", "last", "primes"}. It needs memory for the primes up to the
// root of the last number and one segment, whatever the length of the range.
func Primes() ops.Op { return ops.Op{Name: "primes", Run: primes, Check: checker(primesArgs{})} }

type primesArgs struct {
	N    *int64 `json:"n"`
	From *int64 `json:"from"`
	To   *int64 `json:"to"`
	List bool   `json:"list"`
}

func (a *primesArgs) check() error {
	for name, n := range map[string]*int64{"n": a.N, "from": a.From, "to": a.To} {
		if err := within("primes", name, n, 0, maxPrime); err != nil {
			return err
		}
	}
	if a.N != nil && (a.From != nil || a.To != nil) {
		return invalid(`primes: use either "n", or "from" and "to"`)
	}
	if a.From != nil && a.To != nil && *a.From > *a.To {
		return invalid("primes: from is %d and to is %d: from must not be greater", *a.From, *a.To)
	}
	return nil
}

// primesValue is the value of the operation primes.
type primesValue struct {
	From   int64   `json:"from"`
	To     int64   `json:"to"`
	Count  int64   `json:"count"`
	First  int64   `json:"first,omitempty"`
	Last   int64   `json:"last,omitempty"`
	Primes []int64 `json:"primes,omitempty"`
}

func primes(ctx context.Context, in ops.Input) (ops.Output, error) {
	args, err := read(in, primesArgs{})
	if err != nil {
		return ops.Output{}, err
	}
	value := primesValue{}
	switch {
	case args.N != nil:
		value.To = *args.N
	case args.To != nil:
		value.To = *args.To
		if args.From != nil {
			value.From = *args.From
		}
	default:
		return ops.Output{}, missing(`primes needs the argument "n", or "from" and "to", such as {"n": 1000000}`)
	}
	if err := value.find(ctx, args.List); err != nil {
		return ops.Output{}, err
	}
	return ops.Output{Value: ops.JSON(value)}, nil
}

// find sieves the range segment by segment.
func (v *primesValue) find(ctx context.Context, list bool) error {
	if v.From <= 2 && v.To >= 2 {
		v.Count, v.First, v.Last = 1, 2, 2
		if list {
			v.Primes = append(v.Primes, 2)
		}
	}
	s := newSieve(v.To)
	for low := v.From / wordNumbers * wordNumbers; low <= v.To; low += segmentNumbers {
		if !s.segment(ctx, low, v.From, v.To) {
			return interrupted(ctx, fmt.Sprintf("primes from %d to %d, found %d below %d", v.From, v.To, v.Count, low))
		}
		v.Count += s.count()
		s.ends(v)
		if !list {
			continue
		}
		if v.Count > maxPrimesShown {
			return tooLarge("primes: there are more than %d from %d to %d: list a shorter range, or only count them", maxPrimesShown, v.From, v.To)
		}
		v.Primes = s.appendTo(v.Primes)
	}
	return nil
}
