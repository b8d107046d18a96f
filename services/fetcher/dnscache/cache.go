// Package dnscache remembers the answers of name servers, since Go's resolver asks anew for every connection.
//
// It works on whole DNS messages, beneath net.Resolver: what Go does with the hosts file, search domains, several name servers,
// truncated answers and the order of addresses stays as it is. A remembered answer is no judgement of its addresses; the network
// guard judges at every dial.
package dnscache

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
)

// Config says how long answers are kept. The zero value is ready to use; zero fields mean the defaults.
type Config struct {
	// Dial connects to a name server; by default a net.Dialer does. The address is an IP address with a port. A connection that
	// is a net.PacketConn carries bare messages, any other one carries them with their length in front (RFC 1035, section 4.2).
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// MinTTL is how long an answer is kept even if its own time to live is shorter; by default 5 s.
	MinTTL time.Duration
	// MaxTTL is how long an answer is kept at most; by default 5 min.
	MaxTTL time.Duration
	// MaxNegativeTTL is the same for answers that there is no such name or no such record; by default 30 s.
	MaxNegativeTTL time.Duration
	// MaxEntries is how many answers are kept; by default 16,384. An answer has at most 4 KiB, mostly 100 B.
	MaxEntries int
	// MaxQueries is how many questions are with name servers at the same time, each with a socket; by default 512. More wait.
	MaxQueries int
}

// Cache keeps answers of name servers. It is safe for concurrent use and needs no closing.
type Cache struct {
	cfg     Config
	now     func() time.Time
	answers *lru.Cache[key, entry]
	flights singleflight.Group
	slots   chan struct{} // holds one value per question that is with a name server

	hits, misses, queries atomic.Uint64
}

type entry struct {
	message []byte // with the ID of whoever asked first; shared and never written to
	expires time.Time
}

// Stats counts since the start.
type Stats struct {
	Hits    uint64 // questions answered from memory
	Misses  uint64 // questions that had to wait for a name server
	Queries uint64 // what name servers were asked: fewer than Misses where equal questions waited together
	Entries int    // answers in memory now, with those that have expired and were not asked for again
}

// New makes an empty cache.
func New(cfg Config) (*Cache, error) {
	for _, v := range []int64{int64(cfg.MinTTL), int64(cfg.MaxTTL), int64(cfg.MaxNegativeTTL), int64(cfg.MaxEntries), int64(cfg.MaxQueries)} {
		if v < 0 {
			return nil, fmt.Errorf("DNS cache: %d is negative; leave it at 0 for the default", v)
		}
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	orDefault(&cfg.MinTTL, 5*time.Second)
	orDefault(&cfg.MaxTTL, 5*time.Minute)
	orDefault(&cfg.MaxNegativeTTL, 30*time.Second)
	orDefault(&cfg.MaxEntries, 16<<10)
	orDefault(&cfg.MaxQueries, 512)
	answers, err := lru.New[key, entry](cfg.MaxEntries)
	if err != nil {
		return nil, fmt.Errorf("DNS cache: %w", err)
	}
	return &Cache{cfg: cfg, now: time.Now, answers: answers, slots: make(chan struct{}, cfg.MaxQueries)}, nil
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Resolver returns a resolver that asks through the cache. All that it returns share the cache.
func (c *Cache) Resolver() *net.Resolver { return &net.Resolver{PreferGo: true, Dial: c.dial} }

// Stats returns the counts so far.
func (c *Cache) Stats() Stats {
	return Stats{Hits: c.hits.Load(), Misses: c.misses.Load(), Queries: c.queries.Load(), Entries: c.answers.Len()}
}

// answer returns the answer to a query message, with the query's ID. Its errors are those of the connection to the name
// server as they are, since net.Resolver looks at their types.
func (c *Cache) answer(ctx context.Context, network, server string, query []byte) ([]byte, error) {
	q, err := parseQuery(query)
	if err != nil {
		return nil, err
	}
	if m, ok := c.lookup(q.key); ok {
		c.hits.Add(1)
		return withID(m, q.id), nil
	}
	c.misses.Add(1)
	// Cached answers hold whoever gave them: the servers of resolv.conf are taken to be equal. But when one of them fails, that
	// is not the answer of the next one.
	flight := network + " " + server + " " + q.String()
	for {
		result := c.flights.DoChan(flight, func() (any, error) { return c.ask(ctx, network, server, q, query) })
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case r := <-result:
			if r.Err != nil {
				// Whoever had asked was called off, which says nothing about us: now it is our turn to ask.
				if isContextError(r.Err) && ctx.Err() == nil {
					continue
				}
				return nil, r.Err
			}
			m, ok := r.Val.([]byte)
			if !ok {
				return nil, errors.New("DNS cache: no answer") // cannot be: ask returns bytes
			}
			return withID(m, q.id), nil
		}
	}
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func (c *Cache) lookup(k key) ([]byte, bool) {
	e, ok := c.answers.Get(k)
	if !ok || !c.now().Before(e.expires) {
		return nil, false
	}
	return e.message, true
}

// ask gets the answer from the server and remembers it, unless somebody else just did.
func (c *Cache) ask(ctx context.Context, network, server string, q question, query []byte) ([]byte, error) {
	if m, ok := c.lookup(q.key); ok {
		return m, nil
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c.queries.Add(1)
	m, err := exchange(ctx, c.cfg.Dial, network, server, q, query)
	if err != nil {
		return nil, err
	}
	if ttl, ok := lifetime(m, q, c.cfg); ok {
		c.answers.Add(q.key, entry{message: m, expires: c.now().Add(ttl)})
	}
	return m, nil
}
