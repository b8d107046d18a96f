package jq

import (
	"container/list"
	"errors"
	"fmt"
	"sync"

	"github.com/itchyny/gojq"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// maxUses is how often a compiled query is used before it is compiled again: it remembers every regular expression that it has
// ever matched, and a query that takes them from the data would grow for ever.
const maxUses = 10_000

// Cache keeps the compiled queries that were used last. It is safe for concurrent use.
type Cache struct {
	mu     sync.Mutex
	most   int
	order  *list.List // of *cachedQuery, the last used first
	lookup map[string]*list.Element
}

type cachedQuery struct {
	text string
	code *gojq.Code
	uses int
}

// NewCache makes a cache of so many queries at most.
func NewCache(most int) *Cache {
	return &Cache{most: most, order: list.New(), lookup: make(map[string]*list.Element, most)}
}

// Get returns a compiled query. Two that compile the same one at once do so twice, which is harmless. Errors are verdicts.
func (c *Cache) Get(text string) (*Query, error) {
	if code := c.cached(text); code != nil {
		return &Query{code}, nil
	}
	code, err := compile(text)
	if err != nil {
		return nil, err
	}
	c.put(text, code)
	return &Query{code}, nil
}

func (c *Cache) cached(text string) *gojq.Code {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.lookup[text]
	if !ok {
		return nil
	}
	q := queryOf(e)
	if q.uses++; q.uses > maxUses {
		c.drop(e)
		return nil
	}
	c.order.MoveToFront(e)
	return q.code
}

func (c *Cache) put(text string, code *gojq.Code) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.lookup[text]; ok {
		c.drop(e)
	}
	c.lookup[text] = c.order.PushFront(&cachedQuery{text: text, code: code, uses: 1})
	if c.order.Len() > c.most {
		c.drop(c.order.Back())
	}
}

// queryOf returns what put has put into the list.
func queryOf(e *list.Element) *cachedQuery {
	return e.Value.(*cachedQuery) //nolint:forcetypeassert // put adds nothing else
}

func (c *Cache) drop(e *list.Element) {
	delete(c.lookup, queryOf(e).text)
	c.order.Remove(e)
}

// compile compiles a query. Without loaders, env is empty and input, import and include are errors.
func compile(text string) (*gojq.Code, error) {
	invalid := func(err error) error {
		return ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("jq query %.200q: %w", text, err))
	}
	switch {
	case text == "":
		return nil, invalid(errors.New("it is empty: write . for the whole document"))
	case len(text) > maxQueryBytes:
		return nil, invalid(fmt.Errorf("it has %d bytes: use at most %d", len(text), maxQueryBytes))
	}
	query, err := gojq.Parse(text)
	if err != nil {
		return nil, invalid(err)
	}
	if err := rewrite(query); err != nil {
		return nil, invalid(err)
	}
	code, err := gojq.Compile(query, functions...)
	if err != nil {
		return nil, invalid(err)
	}
	return code, nil
}
