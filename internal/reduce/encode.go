package reduce

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrState means that a state cannot be read: it is damaged, or a later version has written it.
var ErrState = errors.New("state of a reduction cannot be read")

// stateVersion is the first byte of all states.
const stateVersion = 1

// Numbers are written as varints, sets in order, and everything has its length before it.

func appendCount(dst []byte, n int64) []byte { return binary.AppendUvarint(dst, uint64(n)) }

func appendNumber(dst []byte, n number) []byte {
	if n.isFloat {
		return appendFloatBits(append(dst, 1), n.f)
	}
	return binary.AppendVarint(append(dst, 0), n.i)
}

func appendFloatBits(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(f))
}

func appendExact(dst []byte, x *exact) []byte {
	x.normalise()
	sign := byte(x.m.Sign() + 1)
	digits := x.m.Bytes()
	dst = appendCount(append(dst, sign), int64(-x.e))
	return append(appendCount(dst, int64(len(digits))), digits...)
}

func (d *distinct) append(dst []byte) []byte {
	dst = appendCount(dst, d.n)
	if d.registers != nil {
		return append(append(dst, 1), d.registers...)
	}
	dst = appendCount(append(dst, 0), int64(len(d.hashes)))
	for _, h := range d.hashes {
		dst = binary.BigEndian.AppendUint64(dst, h)
	}
	return dst
}

func (s *quantiles) append(dst []byte) []byte {
	dst = appendCount(dst, s.n)
	if !s.binned {
		for _, f := range s.values {
			dst = appendFloatBits(dst, f)
		}
		return dst
	}
	dst = appendCount(appendFloatBits(appendFloatBits(dst, s.least), s.most), s.zeros)
	for _, side := range []bins{s.negative, s.positive} {
		dst = appendCount(dst, int64(len(side)))
		before := 0
		for _, b := range side {
			dst = appendCount(appendCount(dst, int64(b.at-before)), b.n)
			before = b.at
		}
	}
	return dst
}

// reader reads a state. It keeps its first error and yields zeros from then on.
type reader struct {
	data []byte
	err  error
}

func newReader(state []byte) (*reader, error) {
	if len(state) == 0 || state[0] != stateVersion {
		return nil, fmt.Errorf("%w: it is not of version %d: use the version of fetchmill that wrote it, or a later one", ErrState, stateVersion)
	}
	return &reader{data: state[1:]}, nil
}

// end makes sure that everything has been read.
func (r *reader) end() error {
	if r.err == nil && len(r.data) > 0 {
		r.fail("there is more than expected")
	}
	return r.err
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrState, what)
	}
	r.data = nil
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.data) {
		r.fail("it is cut off")
	}
	if r.err != nil {
		return make([]byte, min(n, 8)) // enough for what is read as a number
	}
	part := r.data[:n]
	r.data = r.data[n:]
	return part
}

// count reads a number from 0.
func (r *reader) count() int64 {
	n, size := binary.Uvarint(r.data)
	if size <= 0 || n > math.MaxInt64 {
		r.fail("a number is broken")
		return 0
	}
	r.data = r.data[size:]
	return int64(n)
}

// length reads a number from 0 to most.
func (r *reader) length(most int) int {
	n := r.count()
	if n > int64(most) {
		r.fail(fmt.Sprintf("%d is more than %d", n, most))
		return 0
	}
	return int(n)
}

func (r *reader) float() float64 {
	f := math.Float64frombits(binary.BigEndian.Uint64(r.bytes(8)))
	if math.IsNaN(f) || math.IsInf(f, 0) {
		r.fail("a float is not finite")
		return 0
	}
	return f
}

func (r *reader) number() number {
	if r.bytes(1)[0] == 1 {
		n, _ := fromFloat(r.float())
		return n
	}
	i, size := binary.Varint(r.data)
	if size <= 0 {
		r.fail("a number is broken")
		return number{}
	}
	r.data = r.data[size:]
	return number{i: i}
}

func (r *reader) exact(x *exact) {
	const (
		maxExponent = 2 * 1074
		maxDigits   = (2*(1074+1024) + 63 + 7) / 8 // of the square of the largest float64, as often as can be counted, down to that of the smallest
	)
	sign := int(r.bytes(1)[0]) - 1
	e := r.length(maxExponent)
	digits := r.bytes(r.length(maxDigits))
	if r.err != nil {
		return
	}
	x.e = -e
	x.m.SetBytes(digits)
	if x.m.Sign() != sign*sign || sign > 1 {
		r.fail("a sum has the wrong sign")
		return
	}
	if sign < 0 {
		x.m.Neg(&x.m)
	}
}

func (d *distinct) read(r *reader) error {
	d.n = r.count()
	if r.bytes(1)[0] == 1 {
		d.registers = append([]byte{}, r.bytes(registers)...)
		for _, rank := range d.registers {
			if rank > maxRank {
				r.fail("a rank is too high")
			}
		}
		return r.err
	}
	n := r.length(exactDistinct)
	if n*8 > len(r.data) {
		r.fail("it is cut off")
		return r.err
	}
	d.hashes = make([]uint64, n)
	for i := range d.hashes {
		d.hashes[i] = binary.BigEndian.Uint64(r.bytes(8))
		if i > 0 && d.hashes[i] <= d.hashes[i-1] {
			r.fail("hashes are not in order")
		}
	}
	return r.err
}

func (s *quantiles) read(r *reader) error {
	if s.n = r.count(); s.n <= exactQuantiles {
		return s.readValues(r)
	}
	s.binned = true
	s.least, s.most, s.zeros = r.float(), r.float(), r.count()
	left := s.n - s.zeros
	for _, side := range []*bins{&s.negative, &s.positive} {
		at, first := 0, 0
		for n := r.length(maxBins); n > 0 && r.err == nil; n-- {
			step := r.length(1 << (12 + binBits))
			b := bin{at + step, r.count()}
			if len(*side) == 0 {
				first = b.at
			}
			if left -= b.n; b.n == 0 || left < 0 || step == 0 && len(*side) > 0 || b.at >= 2047<<binBits || b.at-first >= maxBins {
				r.fail("a bin is wrong")
			}
			at = b.at
			*side = append(*side, b)
		}
	}
	if left != 0 || s.least > s.most {
		r.fail("bins do not add up")
	}
	return r.err
}

func (s *quantiles) readValues(r *reader) error {
	for range s.n {
		f := r.float()
		if n := len(s.values); n > 0 && f < s.values[n-1] {
			r.fail("values are not in order")
		}
		if r.err != nil {
			return r.err
		}
		s.values = append(s.values, f)
	}
	if s.n > 0 {
		s.least, s.most = s.values[0], s.values[s.n-1]
	}
	return r.err
}

// as is an accumulator of the same kind; others are never merged.
func as[T accumulator](a accumulator) T {
	return a.(T) //nolint:forcetypeassert // accumulators of one reduction are of one kind
}
