package reduce

import "math/big"

// mean divides the exact sum by the number of values, and rounds once.
type mean struct{ sum }

func (m *mean) merge(other accumulator) { m.sum.merge(&as[*mean](other).sum) }

func (m *mean) answer() Value {
	if m.n == 0 {
		return Value{JSON: null}
	}
	r := m.total.rat()
	f, _ := r.Quo(r, new(big.Rat).SetInt64(m.n)).Float64()
	return Value{JSON: floatJSON(f)}
}

var null = []byte("null")
