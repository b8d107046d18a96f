package cruncher

import (
	"context"
	"math"
	"math/bits"
	"sync"
)

const (
	wordNumbers    = 128                        // a word has a bit for each odd number among so many
	segmentWords   = 16 << 10                   // 128 KiB, which stays in the cache of a processor
	segmentNumbers = segmentWords * wordNumbers // two million
)

// sieve is Eratosthenes' over the odd numbers of one segment after the other. A bit that is set stands for a number that is no prime.
type sieve struct {
	base      []int64 // primes from 17 up to the root of the last number
	composite []uint64
	low       int64 // a multiple of wordNumbers; bit i stands for low + 2i + 1
}

func newSieve(last int64) *sieve {
	words := min(last/wordNumbers+1, segmentWords)
	return &sieve{base: basePrimes(int64(math.Sqrt(float64(last))) + 1), composite: make([]uint64, words)}
}

// segment sieves the segment that begins at low for the numbers between from and to. It returns false when the context ends.
func (s *sieve) segment(ctx context.Context, low, from, to int64) bool {
	if ctx.Err() != nil {
		return false
	}
	s.low = low
	s.stampSmall()
	last := min(low+int64(len(s.composite))*wordNumbers-1, to)
	words, bitsUsed := s.composite, uint64(last-low+1)/2
	for k, p := range s.base {
		if p > last/p {
			break
		}
		if k%(1<<16) == 1<<16-1 && ctx.Err() != nil {
			return false
		}
		first := max(p*p, (low+p-1)/p*p)
		if first%2 == 0 {
			first += p
		}
		step := uint64(p)
		for i := uint64(first-low) / 2; i < bitsUsed; i += step {
			words[i>>6] |= 1 << (i & 63)
		}
	}
	s.cut(0, (from-low)/2)
	s.cut((last-low+1)/2, int64(len(words))*64)
	return true
}

// cut says that the bits from one to before another are of no prime.
func (s *sieve) cut(from, to int64) {
	for i := from; i < to; {
		if i%64 == 0 && to-i >= 64 {
			s.composite[i/64] = ^uint64(0)
			i += 64
			continue
		}
		s.composite[i/64] |= 1 << (i % 64)
		i++
	}
}

// stampSmall crosses out 1 and the multiples of the primes below 17, which would be half of the work.
func (s *sieve) stampSmall() {
	stamp := stamp()
	at := int(s.low / wordNumbers % int64(len(stamp)))
	for rest := s.composite; len(rest) > 0; at = 0 {
		rest = rest[copy(rest, stamp[at:]):]
	}
	if s.low == 0 {
		s.composite[0] |= 1
		for _, p := range smallPrimes {
			s.composite[0] &^= 1 << (p / 2)
		}
	}
}

var smallPrimes = [...]int{3, 5, 7, 11, 13}

// stamp is the pattern of the multiples of the small primes, which repeats after as many words as their product says.
var stamp = sync.OnceValue(func() []uint64 {
	pattern := make([]uint64, 3*5*7*11*13)
	for _, p := range smallPrimes {
		for i := p / 2; i < len(pattern)*64; i += p {
			pattern[i/64] |= 1 << (i % 64)
		}
	}
	return pattern
})

// count is how many primes the segment has.
func (s *sieve) count() int64 {
	n := 0
	for _, w := range s.composite {
		n += 64 - bits.OnesCount64(w)
	}
	return int64(n)
}

// ends notes the first prime of all and the last so far.
func (s *sieve) ends(v *primesValue) {
	for i, w := range s.composite {
		if v.First != 0 {
			break
		}
		if w != ^uint64(0) {
			v.First = s.number(i, bits.TrailingZeros64(^w))
		}
	}
	for i := len(s.composite) - 1; i >= 0; i-- {
		if w := s.composite[i]; w != ^uint64(0) {
			v.Last = s.number(i, 63-bits.LeadingZeros64(^w))
			return
		}
	}
}

func (s *sieve) appendTo(list []int64) []int64 {
	for i, w := range s.composite {
		for prime := ^w; prime != 0; prime &= prime - 1 {
			list = append(list, s.number(i, bits.TrailingZeros64(prime)))
		}
	}
	return list
}

// number is what a bit of a word stands for.
func (s *sieve) number(word, bit int) int64 {
	return s.low + int64(word)*wordNumbers + int64(bit)*2 + 1
}

// basePrimes are the primes from 17 to a number.
func basePrimes(most int64) []int64 {
	composite := make([]bool, most+1)
	var list []int64
	for p := int64(3); p <= most; p += 2 {
		if composite[p] {
			continue
		}
		if p >= 17 {
			list = append(list, p)
		}
		for i := p * p; i <= most; i += 2 * p {
			composite[i] = true
		}
	}
	return list
}
