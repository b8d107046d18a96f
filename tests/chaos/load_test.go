package chaos

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// gate lets so much of the load through that it lasts as long as the kills do, however fast the machine is.
type gate struct {
	mu      sync.Mutex
	share   float64
	changed chan struct{}
}

func newGate() *gate { return &gate{changed: make(chan struct{})} }

// open lets the first part of all items through.
func (g *gate) open(share float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.share = share
	close(g.changed)
	g.changed = make(chan struct{})
}

// wait returns when item i of n may pass.
func (g *gate) wait(i, n int) {
	for {
		g.mu.Lock()
		share, changed := g.share, g.changed
		g.mu.Unlock()
		if float64(i) < share*float64(n) {
			return
		}
		<-changed
	}
}

// load is a batch of items, submitted until the broker has them all.
type load struct {
	batch  string
	recipe string
	n      int
	parts  int // into which each item is split; 0 if it is not
	item   func(i int) string
	sub    client.Submission
	tries  int
	ended  int64 // items that were known to have ended, the last time
}

func (l *load) items(g *gate) iter.Seq2[client.Item, error] {
	return func(yield func(client.Item, error) bool) {
		for i := range l.n {
			if g.wait(i, l.n); !yield(client.Item{Text: l.item(i)}, nil) {
				return
			}
		}
	}
}

// submit submits the batch again and again until it succeeds, as a user would.
func (l *load) submit(t testing.TB, c *client.Client, g *gate) {
	t.Helper()
	assert.Eventually(t, func() bool {
		l.tries++
		sub, err := c.Submit(context.Background(), l.recipe, l.items(g), client.SubmitOptions{Batch: l.batch, Reduce: reductions})
		l.sub = sub
		if err != nil {
			t.Logf("submission of %s goes on: %v", l.batch, err)
		}
		return err == nil
	}, patience, 100*time.Millisecond, "batch %s cannot be submitted", l.batch)
}

// loners are items without batch and without idempotency key, published one by one.
type loners struct {
	n        int
	accepted map[string]bool // by key: what the broker has confirmed
	unknown  map[string]bool // what it may or may not have
}

func (l *loners) publish(t *testing.T, nc *nats.Conn, g *gate) {
	t.Helper()
	l.accepted, l.unknown = map[string]bool{}, map[string]bool{}
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	for i := range l.n {
		g.wait(i, l.n)
		key := fmt.Sprintf("loner %d", i)
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		if _, err := js.Publish(ctx, events.WorkSubject("noop"), []byte(key), jetstream.WithRetryAttempts(0)); err != nil {
			l.unknown[key] = true
			assert.Eventually(t, nc.IsConnected, patience, 10*time.Millisecond) // or all the rest would fail as well, in no time
		} else {
			l.accepted[key] = true
		}
		cancel()
	}
}
