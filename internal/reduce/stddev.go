package reduce

import "math/big"

// stddev is the standard deviation of a sample (with n-1), out of the exact sums of the values and of their squares.
type stddev struct {
	sum
	squares exact
}

func (s *stddev) add(v input) {
	s.sum.add(v)
	s.squares.addSquare(v.number)
}

func (s *stddev) merge(other accumulator) {
	o := as[*stddev](other)
	s.sum.merge(&o.sum)
	s.squares.merge(&o.squares)
}

func (s *stddev) append(dst []byte) []byte { return appendExact(s.sum.append(dst), &s.squares) }

func (s *stddev) read(r *reader) error {
	_ = s.sum.read(r) // the reader keeps its first error
	r.exact(&s.squares)
	return r.err
}

// answer is √((n·Σx² - (Σx)²) / (n·(n-1))). What is under the root is exact, and the root is rounded to much more than a float64 has first.
func (s *stddev) answer() Value {
	if s.n < 2 {
		return Value{JSON: null}
	}
	const bits = 200
	n := new(big.Rat).SetInt64(s.n)
	total := s.total.rat()
	spread := s.squares.rat()
	spread.Mul(spread, n).Sub(spread, total.Mul(total, total))
	spread.Quo(spread, n.Mul(n, new(big.Rat).SetInt64(s.n-1)))
	if spread.Sign() <= 0 { // it is never negative, but what is read from a database is not trusted that far
		return Value{JSON: []byte("0")}
	}
	root := new(big.Float).SetPrec(bits).SetRat(spread)
	f, _ := root.Sqrt(root).Float64()
	return Value{JSON: floatJSON(f)}
}
