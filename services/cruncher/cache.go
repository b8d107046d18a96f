package cruncher

import (
	"fmt"

	lru "github.com/hashicorp/golang-lru/v2"
)

const maxCached = 256

// cache keeps what was compiled from a text, for those texts that were used last. It may be used from many goroutines.
type cache[T any] struct {
	compile func(text string) (T, error)
	made    *lru.Cache[string, T]
}

func newCache[T any](compile func(string) (T, error)) *cache[T] {
	made, err := lru.New[string, T](maxCached)
	if err != nil {
		panic(fmt.Sprintf("cruncher: %v", err)) // it refuses nothing but a size below one
	}
	return &cache[T]{compile, made}
}

// get returns what a text compiles to. Two that compile the same one at once do so twice, which is harmless.
func (c *cache[T]) get(text string) (T, error) {
	if made, ok := c.made.Get(text); ok {
		return made, nil
	}
	made, err := c.compile(text)
	if err == nil {
		c.made.Add(text, made)
	}
	return made, err
}
