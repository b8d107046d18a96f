package reduce

import (
	"math"
	"math/bits"
	"slices"
	"strconv"
)

const (
	// exactDistinct is how many different values are counted exactly. As hashes they take as much room as the registers.
	exactDistinct = 1_024
	// registerBits is the precision: 2^13 registers, which means a standard error of 1.04/√2^13 = 1.15 %.
	registerBits = 13
	registers    = 1 << registerBits
	tailBits     = 64 - registerBits
	maxRank      = tailBits + 1
)

// distinct counts different values: by the set of their hashes as long as it is small, and by a HyperLogLog beyond. Both are functions of
// the set of values, and so is which of the two it is.
type distinct struct {
	n         int64
	hashes    []uint64 // in order; nil if there are registers
	registers []byte   // of a HyperLogLog: the largest rank of a hash in each
}

func (d *distinct) add(v input) {
	d.n++
	d.insert(v.hash)
}

func (d *distinct) insert(hash uint64) {
	if d.registers != nil {
		d.rank(hash)
		return
	}
	at, found := slices.BinarySearch(d.hashes, hash)
	if found {
		return
	}
	d.hashes = slices.Insert(d.hashes, at, hash)
	d.shrink()
}

// shrink makes registers of too many hashes.
func (d *distinct) shrink() {
	if len(d.hashes) <= exactDistinct {
		return
	}
	d.registers = make([]byte, registers)
	for _, h := range d.hashes {
		d.rank(h)
	}
	d.hashes = nil
}

// rank takes a hash into its register: the first bits say which, and the rank is the place of the first bit that is set among the others.
func (d *distinct) rank(hash uint64) {
	at := hash >> tailBits
	rank := bits.LeadingZeros64(hash<<registerBits|1<<(registerBits-1)) + 1
	d.registers[at] = max(d.registers[at], byte(rank))
}

func (d *distinct) merge(other accumulator) {
	o := as[*distinct](other)
	d.n += o.n
	if o.registers == nil {
		if d.registers == nil {
			d.hashes = append(d.hashes, o.hashes...)
			slices.Sort(d.hashes)
			d.hashes = slices.Compact(d.hashes)
			d.shrink()
			return
		}
		for _, h := range o.hashes {
			d.rank(h)
		}
		return
	}
	if d.registers == nil {
		hashes := d.hashes
		d.hashes, d.registers = nil, slices.Clone(o.registers)
		for _, h := range hashes {
			d.rank(h)
		}
		return
	}
	for i, r := range o.registers {
		d.registers[i] = max(d.registers[i], r)
	}
}

func (d *distinct) count() int64 { return d.n }

func (d *distinct) answer() Value {
	if d.registers == nil {
		return Value{JSON: strconv.AppendInt(nil, int64(len(d.hashes)), 10)}
	}
	return Value{JSON: strconv.AppendInt(nil, d.estimate(), 10), Estimate: true}
}

// estimate is the improved estimator of Otmar Ertl, New cardinality estimation algorithms for HyperLogLog sketches (2017), algorithm 6,
// which needs no corrections found by trial. Everything is added up in a fixed order, so it is the same everywhere.
func (d *distinct) estimate() int64 {
	var histogram [maxRank + 1]int
	for _, r := range d.registers {
		histogram[r]++
	}
	const m = float64(registers)
	z := m * tau(float64(registers-histogram[maxRank])/m)
	for k := tailBits; k >= 1; k-- {
		z = 0.5 * float64(z+float64(histogram[k]))
	}
	z += float64(m * sigma(float64(histogram[0])/m))
	alpha := 1 / (2 * math.Ln2)
	return int64(math.Round(float64(alpha*m) * float64(m/z)))
}

// sigma is x + Σ x^(2^k) · 2^(k-1) for k from 1.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		before := z
		z += float64(x * y)
		y += y
		if z == before {
			return z
		}
	}
}

// tau is (1 - x - Σ (1 - x^(2^-k))² · 2^-k) / 3 for k from 1.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		before := z
		y *= 0.5
		z -= float64(float64((1-x)*(1-x)) * y)
		if z == before {
			return z / 3
		}
	}
}
