package reduce

import (
	"math"
	"math/big"
	"math/bits"
)

// exact is a sum of numbers, or of their squares, without any rounding: m · 2^e. So it does not depend on the order of its parts. It has
// at most some 4,300 bits, between the square of the smallest and that of the largest float64.
type exact struct {
	m    big.Int
	e    int // at most 0
	part big.Int
}

// add adds a number.
func (x *exact) add(n number) {
	m, e := split(n)
	x.part.SetInt64(m)
	x.addPart(e)
}

// addSquare adds the square of a number.
func (x *exact) addSquare(n number) {
	m, e := split(n)
	x.part.SetInt64(m)
	x.part.Mul(&x.part, &x.part)
	x.addPart(2 * e)
}

// merge adds another sum.
func (x *exact) merge(o *exact) {
	x.part.Set(&o.m)
	x.addPart(o.e)
}

// addPart adds part · 2^e. What is in part afterwards means nothing.
func (x *exact) addPart(e int) {
	switch {
	case e > x.e:
		x.part.Lsh(&x.part, uint(e-x.e))
	case e < x.e:
		x.m.Lsh(&x.m, uint(x.e-e))
		x.e = e
	}
	x.m.Add(&x.m, &x.part)
}

// split writes a number as m · 2^e, with the least e that is needed below 0.
func split(n number) (m int64, e int) {
	if !n.isFloat {
		return n.i, 0
	}
	const mantissa, bias = 52, 1075
	b := math.Float64bits(n.f)
	m, e = int64(b&(1<<mantissa-1)), int(b>>mantissa&0x7ff)-bias
	if e == -bias {
		e++ // a denormal
	} else {
		m |= 1 << mantissa
	}
	zeros := bits.TrailingZeros64(uint64(m))
	m, e = m>>zeros, e+zeros
	if n.f < 0 {
		m = -m
	}
	return m, e
}

// normalise makes equal sums equal: no zero bits at the end, as far as e is below 0.
func (x *exact) normalise() {
	if x.m.Sign() == 0 {
		x.e = 0
		return
	}
	if zeros := min(int(x.m.TrailingZeroBits()), -x.e); zeros > 0 {
		x.m.Rsh(&x.m, uint(zeros))
		x.e += zeros
	}
}

// rat is the sum as a fraction.
func (x *exact) rat() *big.Rat {
	return new(big.Rat).SetFrac(&x.m, new(big.Int).Lsh(big.NewInt(1), uint(-x.e)))
}

// float is the nearest float64, of two that are equally near the even one; infinite if it is beyond all.
func (x *exact) float() float64 {
	f, _ := x.rat().Float64()
	return f
}

// json is the sum as JSON: an integer with all its digits, otherwise the nearest float64; null if it is beyond all.
func (x *exact) json() []byte {
	x.normalise()
	const most = 128 // bits; more than any sum of integers of 64 bits has
	if x.e == 0 && x.m.BitLen() <= most {
		return x.m.Append(nil, 10)
	}
	return floatJSON(x.float())
}

func floatJSON(f float64) []byte {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return []byte("null")
	}
	return appendFloat(nil, f)
}
