package robots

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Fetch gets a robots.txt: the status and, if that is a success, the body, of which MaxBytes are enough. It follows at least five
// redirects (RFC 9309 section 2.3.1.2) and returns the status of the redirect that it does not follow.
type Fetch func(ctx context.Context, url string) (status int, body []byte, err error)

// Config says how a Cache works. Zero fields mean the defaults.
type Config struct {
	Agent    string        // product token, by default "fetchmill"
	MaxAge   time.Duration // how long a file is used, by default and at most 24 h (RFC 9309 section 2.4)
	Patience time.Duration // how long an unreachable file is not asked for again, by default 30 s
	Hosts    int           // files that are kept, by default 10,000
	Bytes    int64         // memory for them, by default 64 MiB
	// Passing tells of an error of Fetch that it says nothing about the file, such as one of waiting for the host's turn. It is returned as
	// it is and not remembered. Nil means that there are none.
	Passing func(error) bool
}

// Limits of RFC 9309.
const (
	maxAge         = 24 * time.Hour      // section 2.4
	maxUnreachable = 30 * 24 * time.Hour // section 2.3.1.4: "a reasonably long period of time (for example, 30 days)"
)

// UnreachableError says that robots.txt could not be fetched, so that nothing may be fetched from its host for now
// (RFC 9309 section 2.3.1.4).
type UnreachableError struct {
	URL   string
	After time.Duration // until it is asked for again
	Err   error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s cannot be read, so nothing may be fetched from this host until it can: %v", e.URL, e.Err)
}

// Unwrap returns what went wrong.
func (e *UnreachableError) Unwrap() error { return e.Err }

// Cache judges URLs by the robots.txt of their hosts. It is safe for concurrent use, and asks for each file once at a time.
type Cache struct {
	cfg Config

	mu     sync.Mutex
	files  map[string]*list.Element
	recent list.List // of *file, the most recently used first
	bytes  int64
}

// file is what is known about one host's robots.txt.
type file struct {
	origin string
	ready  chan struct{} // closed when the fetch under way has ended; nil if there is none

	rules   *Rules // nil if it has never been read
	fetched time.Time
	down    time.Time // since when it has been unreachable
	retry   time.Time
	err     error
	counted int64
}

// NewCache makes an empty cache.
func NewCache(cfg Config) (*Cache, error) {
	if cfg.Agent == "" {
		cfg.Agent = "fetchmill"
	}
	if err := ValidAgent(cfg.Agent); err != nil {
		return nil, err
	}
	if cfg.MaxAge <= 0 || cfg.MaxAge > maxAge {
		cfg.MaxAge = maxAge
	}
	if cfg.Patience <= 0 {
		cfg.Patience = 30 * time.Second
	}
	if cfg.Hosts <= 0 {
		cfg.Hosts = 10_000
	}
	if cfg.Bytes <= 0 {
		cfg.Bytes = 64 << 20
	}
	return &Cache{cfg: cfg, files: map[string]*list.Element{}}, nil
}

// Check says whether an http or https URL may be fetched. It gets the file with fetch if need be; while somebody else is getting it, it
// waits and calls park before, and what that has returned afterwards; park may be nil. The errors are *UnreachableError, passing ones
// of Fetch, or the context's.
func (c *Cache) Check(ctx context.Context, u *url.URL, fetch Fetch, park func() (resume func())) (Verdict, error) {
	rules, err := c.rules(ctx, originOf(u), fetch, park)
	if err != nil {
		return Verdict{}, err
	}
	path := u.EscapedPath()
	if u.RawQuery != "" || u.ForceQuery {
		path += "?" + u.RawQuery
	}
	return rules.Check(path), nil
}

// originOf is where a URL's robots.txt is: "https://example.com:8443", without the port that goes without saying.
func originOf(u *url.URL) string {
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	port := ":80"
	if scheme == "https" {
		port = ":443"
	}
	return scheme + "://" + strings.TrimSuffix(host, port)
}

// rules returns those of an origin.
func (c *Cache) rules(ctx context.Context, origin string, fetch Fetch, park func() (resume func())) (*Rules, error) {
	for {
		now, err := c.claim(origin)
		switch {
		case err != nil:
			return nil, err
		case now.rules != nil:
			return now.rules, nil
		case now.load != nil:
			return c.load(ctx, now.load, fetch)
		}
		if err := await(ctx, now.wait, park); err != nil {
			return nil, err
		} // and look again: the one who fetched it may have been called off
	}
}

func await(ctx context.Context, ready <-chan struct{}, park func() (resume func())) error {
	if park != nil {
		defer park()()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-ready:
		return nil
	}
}

// claim is how the rules of an origin can be had: one of the fields is set.
type claim struct {
	rules *Rules
	wait  <-chan struct{} // somebody is fetching them
	load  *file           // they are the caller's to fetch
}

func (c *Cache) claim(origin string) (claim, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.files[origin]
	if e == nil {
		e = c.recent.PushFront(&file{origin: origin})
		c.files[origin] = e
	}
	c.recent.MoveToFront(e)
	f := of(e)
	now := time.Now()
	switch {
	case f.rules != nil && (f.ready != nil || now.Sub(f.fetched) < c.cfg.MaxAge):
		return claim{rules: f.rules}, nil
	case f.ready != nil:
		return claim{wait: f.ready}, nil
	case now.Before(f.retry):
		rules, err := f.fallback(now)
		return claim{rules: rules}, err
	}
	f.ready = make(chan struct{})
	c.trim()
	return claim{load: f}, nil
}

func of(e *list.Element) *file {
	f, ok := e.Value.(*file)
	if !ok {
		panic("robots: the list holds something that is not a file")
	}
	return f
}

// load fetches a file that is the caller's to fetch.
func (c *Cache) load(ctx context.Context, f *file, fetch Fetch) (*Rules, error) {
	status, body, err := fetch(ctx, f.origin+"/robots.txt")
	rules, err := c.judge(status, body, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	close(f.ready)
	f.ready = nil
	now := time.Now()
	switch {
	case err == nil:
		f.rules, f.fetched, f.down, f.retry, f.err = rules, now, time.Time{}, time.Time{}, nil
		c.bytes += rules.size() - f.counted
		f.counted = rules.size()
		c.trim()
		return rules, nil
	case errors.Is(ctx.Err(), context.Canceled) || c.cfg.Passing != nil && c.cfg.Passing(err):
		return nil, err
	}
	if f.down.IsZero() {
		f.down = now
	}
	f.err, f.retry = err, now.Add(c.cfg.Patience)
	return f.fallback(now)
}

// judge is RFC 9309 section 2.3.1: a file that is not there allows everything, one that cannot be reached nothing. A host that answers 429
// is taken to be overloaded, not to be without rules.
func (c *Cache) judge(status int, body []byte, err error) (*Rules, error) {
	switch {
	case err != nil:
		return nil, err
	case status >= 200 && status <= 299:
		return Parse(body, c.cfg.Agent), nil
	case status == http.StatusTooManyRequests || status >= 500 || status < 200:
		return nil, fmt.Errorf("status %d %s", status, http.StatusText(status))
	default:
		return &Rules{}, nil
	}
}

// fallback is what holds while the file cannot be reached: what it last said; after 30 days of that everything is allowed.
func (f *file) fallback(now time.Time) (*Rules, error) {
	switch {
	case f.rules != nil:
		return f.rules, nil
	case now.Sub(f.down) > maxUnreachable:
		return &Rules{}, nil
	}
	return nil, &UnreachableError{URL: f.origin + "/robots.txt", After: f.retry.Sub(now), Err: f.err}
}

// trim drops what has not been used for longest until the rest fits. What is being fetched stays.
func (c *Cache) trim() {
	for e := c.recent.Back(); e != nil && (len(c.files) > c.cfg.Hosts || c.bytes > c.cfg.Bytes); {
		f, before := of(e), e.Prev()
		if f.ready == nil && before != nil {
			c.recent.Remove(e)
			delete(c.files, f.origin)
			c.bytes -= f.counted
		}
		e = before
	}
}
