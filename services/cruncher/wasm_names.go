package cruncher

import (
	"context"
	"sync"
	"time"
)

const (
	// nameTime is how long an old meaning of a name may be used after the name was given another.
	nameTime = 2 * time.Second
	maxNames = 1_000
	// lookTime is how long the broker may take to tell what a name means.
	lookTime = 5 * time.Second
)

// names remembers for a moment what names of modules mean, so that not every item asks the broker.
type names struct {
	resolve func(ctx context.Context, ref string) (string, error)
	now     func() time.Time

	mu    sync.Mutex
	known map[string]meaning
}

type meaning struct {
	hash  string
	until time.Time
}

func newNames(resolve func(context.Context, string) (string, error), now func() time.Time) *names {
	return &names{resolve: resolve, now: now, known: map[string]meaning{}}
}

// hash returns what a name means now, or has meant up to nameTime ago.
func (n *names) hash(ctx context.Context, name string) (string, error) {
	asked := n.now()
	n.mu.Lock()
	m, ok := n.known[name]
	n.mu.Unlock()
	if ok && asked.Before(m.until) {
		return m.hash, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	hash, err := n.resolve(ctx, name)
	if err != nil {
		return "", err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.known) >= maxNames {
		clear(n.known)
	}
	n.known[name] = meaning{hash, asked.Add(nameTime)}
	return hash, nil
}
