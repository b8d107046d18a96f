package jq

import (
	"encoding/json"
	"math/big"
)

type measured int

const (
	fits measured = iota
	tooMany
	tooDeep
)

// measure takes the least number of bytes that a value needs as JSON from left, and stops when they are used up. A short query can
// make a value that is small in memory, because its parts are shared, and without bounds when it is written out.
func measure(v any, left *int, depth int) measured {
	if depth == 0 {
		return tooDeep
	}
	switch v := v.(type) {
	case string:
		*left -= len(v) + 2
	case json.Number:
		*left -= len(v)
	case *big.Int:
		*left -= v.BitLen() / 4 // more than 3.3 bits make a digit
	case []any:
		*left -= 2 + max(0, len(v)-1) // brackets and commas
		for _, e := range v {
			if m := measure(e, left, depth-1); m != fits {
				return m
			}
		}
	case map[string]any:
		*left -= 2 + max(0, len(v)-1)
		for k, e := range v {
			*left -= len(k) + len(`"":`)
			if m := measure(e, left, depth-1); m != fits {
				return m
			}
		}
	default:
		*left--
	}
	if *left < 0 {
		return tooMany
	}
	return fits
}
