package politeness

import (
	"hash/fnv"
	"time"
)

// A limit is divided over the fetchers without asking anybody: for each site all of them have the same order (rendezvous hashing:
// by the hash of site and fetcher, D. Thaler and C. Ravishankar 1998), and who is how far in front has how large a share. A fetcher
// more makes no other's share larger, and one less makes none smaller. The order is the site's, so that a redirect to https or www leads
// to a host that the same fetcher has a share of.

// owners is how many of the fetchers have a share of what is demanded. A limit of n has n owners at most, as none can do with less
// than 1; a rate likewise. The least distance between two starts can be kept by one only.
func (d demand) owners(fetchers int) int {
	n := fetchers
	if d.concurrency > 0 {
		n = min(n, d.concurrency)
	}
	if d.rate > 0 && d.rate < float64(n) {
		n = max(1, int(d.rate))
	}
	if d.delay > 0 {
		n = 1
	}
	return n
}

// share is the part of the one whose rank this is (0 is the first). own is false when it is nothing.
func (d demand) share(rank, fetchers int) (mine demand, own bool) {
	owners := d.owners(fetchers)
	if rank >= owners {
		return demand{}, false
	}
	mine = d
	if d.concurrency > 0 {
		mine.concurrency = (d.concurrency - rank + owners - 1) / owners // the first ones take the remainder
	}
	mine.rate = d.rate / float64(owners)
	return mine, true
}

// least is what there is for a request that cannot go to the fetcher that has a share: as much as the smallest share.
func (d demand) least(fetchers int) demand {
	mine, _ := d.share(d.owners(fetchers)-1, fetchers)
	return mine
}

// interval is the mean distance between two starts.
func (d demand) interval() time.Duration {
	if d.rate <= 0 {
		return 0
	}
	return time.Duration(min(float64(time.Second)/d.rate, float64(maxDelay)))
}

// rank is the place of self among the fetchers for a host, by hashes.
func rank(host, self uint64, others []uint64) int {
	mine, n := mix(host^self), 0
	for _, o := range others {
		if w := mix(host ^ o); w > mine || w == mine && o > self {
			n++
		}
	}
	return n
}

// hash is the same in all fetchers.
func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // never fails
	return mix(h.Sum64())
}

// mix spreads every bit over all others: the last steps of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
