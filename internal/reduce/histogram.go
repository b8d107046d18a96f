package reduce

import (
	"math"
	"slices"
	"sort"
	"strconv"
)

// histogram counts values in buckets. A bucket reaches from its lower bound, which is not part of it, to its upper bound, which is.
type histogram struct {
	bounds []float64 // the upper ones, growing; the last bucket has none
	n      int64
	counts map[int]int64
}

func (h *histogram) add(v input) {
	h.n++
	h.put(sort.Search(len(h.bounds), func(i int) bool { return !above(v.number, h.bounds[i]) }), 1)
}

// above tells whether a number is larger than a bound, exactly.
func above(n number, bound float64) bool {
	b, _ := fromFloat(bound)
	return b.less(n)
}

func (h *histogram) put(bucket int, n int64) {
	if h.counts == nil {
		h.counts = map[int]int64{}
	}
	h.counts[bucket] += n
}

func (h *histogram) merge(other accumulator) {
	o := as[*histogram](other)
	h.n += o.n
	for bucket, n := range o.counts {
		h.put(bucket, n)
	}
}

func (h *histogram) append(dst []byte) []byte {
	dst = appendCount(dst, h.n)
	dst = appendCount(dst, int64(len(h.counts)))
	for _, bucket := range h.used() {
		dst = appendCount(dst, int64(bucket))
		dst = appendCount(dst, h.counts[bucket])
	}
	return dst
}

func (h *histogram) used() []int {
	list := make([]int, 0, len(h.counts))
	for bucket := range h.counts {
		list = append(list, bucket)
	}
	slices.Sort(list)
	return list
}

func (h *histogram) read(r *reader) error {
	h.n = r.count()
	for left := r.length(len(h.bounds) + 1); left > 0 && r.err == nil; left-- {
		bucket, n := r.length(len(h.bounds)), r.count()
		h.put(bucket, n)
	}
	return r.err
}

func (h *histogram) count() int64 { return h.n }

// answer lists the buckets from the first to the last that has something: [{"le": 10, "count": 3}, …]; the one above all bounds has no le.
func (h *histogram) answer() Value {
	used := h.used()
	if len(used) == 0 {
		return Value{JSON: []byte("[]")}
	}
	out := []byte{'['}
	for bucket := used[0]; bucket <= used[len(used)-1]; bucket++ {
		if bucket > used[0] {
			out = append(out, ',')
		}
		out = append(out, '{')
		if bucket < len(h.bounds) {
			out = append(out, `"le":`...)
			out = appendFloat(out, h.bounds[bucket])
			out = append(out, ',')
		}
		out = append(out, `"count":`...)
		out = strconv.AppendInt(out, h.counts[bucket], 10)
		out = append(out, '}')
	}
	return Value{JSON: append(out, ']')}
}

// usualBounds are 1, 2 and 5 of each power of ten between a billionth and a thousand billions, below and above 0.
var usualBounds = func() []float64 {
	const first, last = -9, 12
	var above []float64
	for power := first; power <= last; power++ {
		for _, digit := range []string{"1", "2", "5"} {
			f, err := strconv.ParseFloat(digit+"e"+strconv.Itoa(power), 64)
			if err != nil {
				panic(err) // the powers are far from the ends of the range
			}
			above = append(above, f)
		}
	}
	all := make([]float64, 0, 2*len(above)+1)
	for _, f := range slices.Backward(above) {
		all = append(all, -f)
	}
	return append(append(all, 0), above...)
}()

// validBounds tells whether bounds of a user's are finite and growing.
func validBounds(bounds []float64) bool {
	for i, b := range bounds {
		if math.IsNaN(b) || math.IsInf(b, 0) || i > 0 && b <= bounds[i-1] {
			return false
		}
	}
	return true
}
