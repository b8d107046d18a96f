package cruncher

import (
	"container/list"
	"sync"
)

const (
	maxCached = 256
	// maxUses is how often something compiled is used before it is compiled again: a jq query remembers every regular expression that
	// it has ever matched, and one that takes them from the data would grow for ever.
	maxUses = 10_000
)

// cache keeps what was compiled from a text, for those texts that were used last. It may be used from many goroutines.
type cache[T any] struct {
	compile func(text string) (T, error)

	mu     sync.Mutex
	order  *list.List // of *cached[T], the last used first
	lookup map[string]*list.Element
}

type cached[T any] struct {
	text string
	made T
	uses int
}

func newCache[T any](compile func(string) (T, error)) *cache[T] {
	return &cache[T]{compile: compile, order: list.New(), lookup: make(map[string]*list.Element, maxCached)}
}

// get returns what a text compiles to. Two that compile the same one at once do so twice, which is harmless.
func (c *cache[T]) get(text string) (T, error) {
	if made, ok := c.cached(text); ok {
		return made, nil
	}
	made, err := c.compile(text)
	if err == nil {
		c.put(text, made)
	}
	return made, err
}

func (c *cache[T]) cached(text string) (made T, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.lookup[text]
	if !ok {
		return made, false
	}
	entry := entryOf[T](e)
	if entry.uses++; entry.uses > maxUses {
		c.drop(e)
		return made, false
	}
	c.order.MoveToFront(e)
	return entry.made, true
}

func (c *cache[T]) put(text string, made T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.lookup[text]; ok {
		c.drop(e)
	}
	c.lookup[text] = c.order.PushFront(&cached[T]{text: text, made: made, uses: 1})
	if c.order.Len() > maxCached {
		c.drop(c.order.Back())
	}
}

// entryOf returns what put has put into the list.
func entryOf[T any](e *list.Element) *cached[T] {
	return e.Value.(*cached[T]) //nolint:forcetypeassert // put adds nothing else
}

func (c *cache[T]) drop(e *list.Element) {
	delete(c.lookup, entryOf[T](e).text)
	c.order.Remove(e)
}
