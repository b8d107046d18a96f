package sink

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/fetchmill/fetchmill/internal/store"
)

// ErrStopped means that the committer has ended and what was given to it may not have been committed.
var ErrStopped = errors.New("committer has stopped")

// Commits is a database that takes entries in one transaction.
type Commits interface {
	Commit(ctx context.Context, entries []store.Entry) ([]store.Outcome, error)
}

// GroupConfig says how much goes into one transaction.
type GroupConfig struct {
	MaxEntries int `default:"2000" help:"Commit at most this many results in one transaction."`
	// Linger is zero because groups form by themselves: while one transaction runs, the next fills up. Waiting for more
	// helped nothing that was measured and delays whoever waits for a single result.
	Linger time.Duration `default:"0" help:"Wait this long for more after the first result of a group."`
}

// Committer puts entries of many callers into common transactions. It must be running for Add to return.
type Committer struct {
	db      Commits
	cfg     GroupConfig
	log     *slog.Logger
	queue   chan *request
	stopped chan struct{}
}

type request struct {
	entry   store.Entry
	outcome chan store.Outcome // has room for one, so that answering never waits for a caller who has gone
}

// NewCommitter returns a committer into db. Zero MaxEntries means 2000.
func NewCommitter(db Commits, log *slog.Logger, cfg GroupConfig) *Committer {
	if cfg.MaxEntries <= 0 {
		cfg.MaxEntries = 2000
	}
	return &Committer{db: db, cfg: cfg, log: log, queue: make(chan *request, cfg.MaxEntries), stopped: make(chan struct{})}
}

// Add blocks until the entry is committed. When it returns an error the entry may have been committed all the same, and
// adding it again is right, except after store.ErrEntry: such an entry can never be committed.
func (c *Committer) Add(ctx context.Context, e store.Entry) (store.Outcome, error) {
	if err := e.Validate(); err != nil {
		return store.Outcome{}, err
	}
	r := &request{entry: e, outcome: make(chan store.Outcome, 1)}
	select {
	case c.queue <- r:
	case <-c.stopped:
		return store.Outcome{}, ErrStopped
	case <-ctx.Done():
		return store.Outcome{}, ctx.Err()
	}
	select {
	case out := <-r.outcome:
		return out, nil
	case <-c.stopped:
		select {
		case out := <-r.outcome: // it was in the last group
			return out, nil
		default:
			return store.Outcome{}, ErrStopped
		}
	case <-ctx.Done():
		return store.Outcome{}, ctx.Err()
	}
}

// Run commits until ctx ends; a transaction that is running then is finished. It may be called once.
func (c *Committer) Run(ctx context.Context) {
	defer close(c.stopped)
	group := make([]*request, 0, c.cfg.MaxEntries)
	for {
		select {
		case r := <-c.queue:
			group = c.gather(ctx, append(group[:0], r))
		case <-ctx.Done():
			return
		}
		if !c.commit(ctx, group) {
			return
		}
		clear(group)
	}
}

// gather adds what is there to the group, and what comes within the linger time.
func (c *Committer) gather(ctx context.Context, group []*request) []*request {
	var timeout <-chan time.Time
	if c.cfg.Linger > 0 {
		t := time.NewTimer(c.cfg.Linger)
		defer t.Stop()
		timeout = t.C
	}
	for len(group) < c.cfg.MaxEntries {
		select {
		case r := <-c.queue:
			group = append(group, r)
			continue
		default:
		}
		if timeout == nil {
			return group
		}
		select {
		case r := <-c.queue:
			group = append(group, r)
		case <-timeout:
			return group
		case <-ctx.Done():
			return group
		}
	}
	return group
}

// commit tries until the database has taken the group, and reports false if ctx ended before.
func (c *Committer) commit(ctx context.Context, group []*request) bool {
	entries := make([]store.Entry, len(group))
	for i, r := range group {
		entries[i] = r.entry
	}
	var wait backoff
	for {
		outcomes, err := c.db.Commit(ctx, entries)
		if err == nil {
			for i, r := range group {
				r.outcome <- outcomes[i]
			}
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		delay := wait.next()
		c.log.Error("the database does not take results: nothing is acknowledged until it does; check its disk",
			logError, err, logEntries, len(entries), logRetryIn, delay)
		if !pause(ctx, delay) {
			return false
		}
	}
}
