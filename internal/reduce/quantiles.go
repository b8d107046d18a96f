package reduce

import (
	"math"
	"slices"
	"sort"
)

const (
	// exactQuantiles is how many values are kept as they are.
	exactQuantiles = 128
	// binBits makes 2^6 bins of each power of two, so that a bin's middle is within 0.8 % of all its values.
	binBits = 6
	// maxBins bounds the bins of a sign: 64 powers of two. Numbers that are so much nearer to 0 than the largest share the last bin.
	maxBins = 64 << binBits
)

// quantiles keeps values as they are as long as they are few, and counts them in bins beyond. The bin of a number is made of the first
// bits of its float64, so no rounding is involved. Which bins there are depends on the set of values only: when there would be
// too many, those nearest to 0 fall together, whatever came first.
type quantiles struct {
	q        []float64
	n        int64
	values   []float64 // in order; nil if there are bins
	binned   bool
	zeros    int64
	positive bins
	negative bins // by the absolute value
	least    float64
	most     float64
}

// bins are counts by bin, in order.
type bins []bin

type bin struct {
	at int // the first bits of a float64
	n  int64
}

func binOf(f float64) int { return int(math.Float64bits(f) >> (52 - binBits)) }

// middle of a bin.
func (b bin) middle() float64 {
	low := math.Float64frombits(uint64(b.at) << (52 - binBits))
	high := math.Float64frombits(uint64(b.at+1) << (52 - binBits))
	if math.IsInf(high, 1) {
		return low
	}
	return low + (high-low)/2
}

func (s *quantiles) add(v input) {
	f := v.number.float()
	s.n++
	if s.n == 1 {
		s.least, s.most = f, f
	} else {
		s.least, s.most = min(s.least, f), max(s.most, f)
	}
	if s.binned {
		s.put(f, 1)
		return
	}
	at, _ := slices.BinarySearch(s.values, f)
	s.values = slices.Insert(s.values, at, f)
	s.shrink()
}

// shrink makes bins of too many values.
func (s *quantiles) shrink() {
	if len(s.values) <= exactQuantiles {
		return
	}
	s.binned = true
	for _, f := range s.values {
		s.put(f, 1)
	}
	s.values = nil
}

func (s *quantiles) put(f float64, n int64) {
	switch {
	case f == 0:
		s.zeros += n
	case f > 0:
		s.positive.add(bin{binOf(f), n})
	default:
		s.negative.add(bin{binOf(-f), n})
	}
}

func (b *bins) add(one bin) {
	list := *b
	if last := len(list) - 1; last >= 0 && one.at < list[last].at-maxBins+1 {
		one.at = list[last].at - maxBins + 1
	}
	at := sort.Search(len(list), func(i int) bool { return list[i].at >= one.at })
	if at < len(list) && list[at].at == one.at {
		list[at].n += one.n
		return
	}
	*b = slices.Insert(list, at, one)
	b.collapse()
}

// collapse moves what is too near to 0 into the last bin that there may be.
func (b *bins) collapse() {
	list := *b
	if len(list) == 0 {
		return
	}
	first := list[len(list)-1].at - maxBins + 1
	if list[0].at >= first {
		return
	}
	var n int64
	k := 0
	for ; list[k].at <= first; k++ {
		n += list[k].n
	}
	list[k-1] = bin{first, n}
	*b = list[k-1:]
}

func (b *bins) merge(o bins) {
	list := *b
	merged := make(bins, 0, len(list)+len(o))
	for i, k := 0, 0; i < len(list) || k < len(o); {
		switch {
		case k == len(o) || i < len(list) && list[i].at < o[k].at:
			merged = append(merged, list[i])
			i++
		case i == len(list) || o[k].at < list[i].at:
			merged = append(merged, o[k])
			k++
		default:
			merged = append(merged, bin{o[k].at, list[i].n + o[k].n})
			i, k = i+1, k+1
		}
	}
	*b = merged
	b.collapse()
}

func (s *quantiles) merge(other accumulator) {
	o := as[*quantiles](other)
	if o.n == 0 {
		return
	}
	if s.n == 0 {
		s.least, s.most = o.least, o.most
	}
	s.n += o.n
	s.least, s.most = min(s.least, o.least), max(s.most, o.most)
	if !s.binned && !o.binned {
		s.values = append(s.values, o.values...)
		slices.Sort(s.values)
		s.shrink()
		return
	}
	for _, side := range []*quantiles{s, o} {
		for _, f := range side.values {
			s.put(f, 1)
		}
	}
	s.binned, s.values = true, nil
	s.zeros += o.zeros
	s.positive.merge(o.positive)
	s.negative.merge(o.negative)
}

func (s *quantiles) count() int64 { return s.n }

// answer is an object of the quantiles by their names.
func (s *quantiles) answer() Value {
	out := []byte{'{'}
	for i, q := range s.q {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '"')
		out = appendFloat(out, q)
		out = append(out, '"', ':')
		if s.n == 0 {
			out = append(out, null...)
		} else {
			out = appendFloat(out, s.at(q))
		}
	}
	return Value{JSON: append(out, '}'), Estimate: s.binned}
}

// rankOf is the place of a quantile among n values, from 1: q·n, rounded up unless only its float64 is above an integer.
func rankOf(q float64, n int64) int64 {
	exact := q * float64(n)
	rank := math.Round(exact)
	if math.Abs(exact-rank) > 1e-9*exact {
		rank = math.Ceil(exact)
	}
	return max(1, int64(rank))
}

// at is the smallest value that at least the share q of all values is not above.
func (s *quantiles) at(q float64) float64 {
	rank := rankOf(q, s.n)
	switch {
	case rank >= s.n:
		return s.most
	case rank == 1:
		return s.least
	case !s.binned:
		return s.values[rank-1]
	}
	within := func(f float64) float64 { return min(max(f, s.least), s.most) }
	for i := len(s.negative) - 1; i >= 0; i-- {
		if rank -= s.negative[i].n; rank <= 0 {
			return within(-s.negative[i].middle())
		}
	}
	if rank -= s.zeros; rank <= 0 {
		return within(0)
	}
	for _, b := range s.positive {
		if rank -= b.n; rank <= 0 {
			return within(b.middle())
		}
	}
	return s.most
}
