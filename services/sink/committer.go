package sink

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/store"
)

const (
	// maxTransaction is how many results go into one transaction at most. The disk takes as long for a large one as for a small one.
	maxTransaction = 3000
	// fullEnough is from how many on the next transaction is prepared while others are being written; below that it waits and grows.
	fullEnough = 2000
	// transactions is how many are on their way at the same time. The database takes them one after the other, and so always has the next one.
	transactions = 2
)

// committer puts what several handlers want to commit at the same time into the same transaction.
type committer struct {
	db  Database
	log *slog.Logger

	mu      sync.Mutex
	waiting []*share
	entries int // of those that wait
	running int // transactions
}

// share is what one handler has in a transaction.
type share struct {
	ctx      context.Context //nolint:containedctx // of the handler that waits for it
	entries  []store.Entry
	outcomes []store.Outcome
	err      error
	panicked any // what the transaction panicked with
	done     chan struct{}
}

// commit returns when the entries are committed, or ctx has ended. It panics if the transaction has.
func (c *committer) commit(ctx context.Context, entries []store.Entry) ([]store.Outcome, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	return c.hand(ctx, entries).wait()
}

// hand puts entries into the next transaction.
func (c *committer) hand(ctx context.Context, entries []store.Entry) *share {
	s := &share{ctx: ctx, entries: entries, done: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, s)
	c.entries += len(entries)
	c.begin()
	return s
}

func (s *share) wait() ([]store.Outcome, error) {
	<-s.done
	if s.panicked != nil {
		panic(s.panicked)
	}
	return s.outcomes, s.err
}

// begin starts as many transactions as there should be. The caller holds the lock.
func (c *committer) begin() {
	for len(c.waiting) > 0 && (c.running == 0 || c.running < transactions && c.entries >= fullEnough) {
		n, size := 1, len(c.waiting[0].entries)
		for n < len(c.waiting) && size+len(c.waiting[n].entries) <= maxTransaction {
			size += len(c.waiting[n].entries)
			n++
		}
		list := c.waiting[:n:n]
		c.waiting, c.entries, c.running = c.waiting[n:], c.entries-size, c.running+1
		go c.together(list) // whoever waits for a share waits for it
	}
}

// together commits shares in one transaction.
func (c *committer) together(list []*share) {
	var outcomes []store.Outcome
	var err error
	defer func() {
		p := recover()
		if p != nil {
			p = fmt.Sprintf("%v\n%s", p, debug.Stack())
		}
		c.mu.Lock()
		c.running--
		c.begin()
		c.mu.Unlock()
		for _, s := range list {
			s.err, s.panicked = err, p
			if err == nil && p == nil {
				s.outcomes, outcomes = outcomes[:len(s.entries)], outcomes[len(s.entries):]
			}
			close(s.done)
		}
	}()
	parts := make([][]store.Entry, len(list))
	for i, s := range list {
		parts[i] = s.entries
	}
	entries := slices.Concat(parts...)
	outcomes, err = c.insist(list[0].ctx, entries)
}

// insist tries until the database has taken the entries, or ctx ends.
func (c *committer) insist(ctx context.Context, entries []store.Entry) ([]store.Outcome, error) {
	var wait backoff
	for {
		outcomes, err := c.db.Commit(ctx, entries)
		if err == nil {
			return outcomes, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		delay := wait.next()
		c.log.Error("the database does not take results: nothing is acknowledged until it does; check its disk",
			logError, err, logEntries, len(entries), logRetryIn, delay)
		if !host.Pause(ctx, delay) {
			return nil, ctx.Err()
		}
	}
}
