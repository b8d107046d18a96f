package politeness

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestShares(t *testing.T) {
	// of gives each fetcher's part of a demand at a host.
	of := func(d demand, host string, ids []uint64) map[uint64]demand {
		parts := map[uint64]demand{}
		for i, self := range ids {
			var others []uint64
			others = append(append(others, ids[:i]...), ids[i+1:]...)
			if mine, own := d.share(rank(hash(host), self, others), len(ids)); own {
				parts[self] = mine
			}
		}
		return parts
	}
	fetchers := func(n int) []uint64 {
		var ids []uint64
		for i := range n {
			ids = append(ids, hash(fmt.Sprint("fetcher", i)))
		}
		return ids
	}

	t.Run("add up to the limit, whatever it is and however many there are", func(t *testing.T) {
		for n := 1; n <= 40; n++ {
			for f := 1; f <= 40; f++ {
				parts := of(demand{concurrency: n}, "example.com:80", fetchers(f))
				require.Len(t, parts, min(n, f))
				sum, least, most := 0, n, 0
				for _, p := range parts {
					sum, least, most = sum+p.concurrency, min(least, p.concurrency), max(most, p.concurrency)
				}
				require.Equal(t, n, sum)
				require.LessOrEqual(t, most-least, 1, "as equal as can be")
			}
		}
	})

	t.Run("of rates too, and a rate below 1 has one owner", func(t *testing.T) {
		for _, r := range []float64{0.01, 0.9, 1, 1.5, 2, 20, 1000} {
			for f := 1; f <= 10; f++ {
				parts := of(demand{rate: r}, "example.com:80", fetchers(f))
				require.Len(t, parts, max(1, min(f, int(r))))
				var sum float64
				for _, p := range parts {
					sum += p.rate
				}
				require.InEpsilon(t, r, sum, 1e-9)
			}
		}
	})

	t.Run("whoever has a share can use it: rate, concurrency and delay have the same owners", func(t *testing.T) {
		for _, d := range []demand{
			{rate: 2, concurrency: 7}, {rate: 100, concurrency: 3}, {rate: 100, concurrency: 3, delay: time.Millisecond}, {delay: 1},
		} {
			parts := of(d, "example.com:80", fetchers(5))
			require.NotEmpty(t, parts)
			for _, p := range parts {
				require.Equal(t, d.concurrency > 0, p.concurrency > 0)
				require.Equal(t, d.rate > 0, p.rate > 0)
			}
			require.Len(t, parts, d.owners(5))
		}
	})

	t.Run("a fetcher more makes no other's share larger", func(t *testing.T) {
		for range 500 {
			d := demand{concurrency: 1 + rand.IntN(20)}
			if rand.IntN(2) == 0 {
				d.rate = rand.Float64() * 20
			}
			f, host := 1+rand.IntN(12), fmt.Sprint("host", rand.Int())
			before, after := of(d, host, fetchers(f)), of(d, host, fetchers(f+1))
			for _, id := range fetchers(f) {
				if d.rate == 0 { // with both, the number of owners decides for one of them
					require.LessOrEqual(t, after[id].concurrency, before[id].concurrency)
				}
			}
		}
	})

	t.Run("are spread over the fetchers", func(t *testing.T) {
		ids, owned := fetchers(5), map[uint64]int{}
		for i := range 5000 {
			for id := range of(demand{concurrency: 1}, fmt.Sprintf("host%d.example:443", i), ids) {
				owned[id]++
			}
		}
		for _, n := range owned {
			require.InDelta(t, 1000, n, 150)
		}
	})
}
