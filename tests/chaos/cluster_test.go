package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/tests/internal/natscli"
	"github.com/fetchmill/fetchmill/tests/internal/process"
)

// separation is how long a node is cut off: longer than the others take to elect leaders in its place.
const separation = 12 * time.Second

// TestCluster is about a cluster of three servers with three copies of each stream: each of them is killed once, and each is cut off from
// the others once, while items flow.
func TestCluster(t *testing.T) {
	m, nodes := startCluster(t, random(t))
	m.service("sink", "--db", m.db)
	m.service("cruncher", "-c", "4")
	m.service("fetcher")
	m.service("ingest")

	c, err := client.New(process.Connect(t, m.url))
	require.NoError(t, err)
	l := &load{batch: "noops", recipe: "noop", n: *items / 4, item: func(i int) string { return fmt.Sprint("noop ", i) }}
	g := newGate()
	var flow sync.WaitGroup
	flow.Go(func() { l.submit(t, c, g) })

	js, err := jetstream.New(process.Connect(t, m.url))
	require.NoError(t, err)
	m.begin(c, l, g)
	faults := m.rng.Perm(2 * len(nodes))
	for i, k := range faults {
		part := float64(2*i+1) / float64(2*len(faults)+1) // of the load: as much again is for afterwards
		more := func() { g.open(part + 1/float64(2*len(faults)+1)) }
		g.open(part)
		m.pause(time.Second)
		node, began := k%len(nodes), time.Now()
		before := m.ended(c, l)
		if k < len(nodes) {
			m.kill(m.members[node])
			more()
			t.Logf("%s killed; items end again after %s", nodes[node].Name, m.recovery(c, l, before, began))
		} else {
			nodes[node].Cut()
			m.tend(func() bool { return time.Since(began) > separation })
			meanwhile := m.ended(c, l)
			joined := time.Now()
			nodes[node].Join()
			more()
			t.Logf("%s cut off for %s, in which %d items ended; joined, items end again after %s", nodes[node].Name, separation, meanwhile-before, m.recovery(c, l, meanwhile, joined))
		}
		var whole bool
		m.tend(func() bool {
			whole = current(t, js)
			return whole || time.Since(began) > patience
		})
		require.True(t, whole, "the copies of a stream do not become the same again")
	}
	g.open(1)
	m.await(&flow)
	require.EqualValues(t, l.n, l.sub.Accepted)
	m.waitFor(c, l)
	eventuallyIdle(t, js)
	require.Empty(t, deadLetters(t, js))
	check(t, m, js, []*load{l}, &loners{}, 0)
	checkReduced(t, c, l)
}

// startCluster starts three brokers with everything on them, and no services yet. The nodes are the first members.
func startCluster(t *testing.T, rng *rand.Rand) (*mill, []process.Node) {
	t.Helper()
	nodes := process.NewCluster(t, natscli.BuildServer(t), "north", "south", "west")
	m := &mill{t: t, rng: rng, db: filepath.Join(t.TempDir(), "results.db"), temporary: t.TempDir()}
	var urls []string
	for _, n := range nodes {
		m.add(n.Name, n.Spec)
		urls = append(urls, n.URL())
	}
	m.url = strings.Join(urls, ",")
	require.Eventually(t, func() bool { // there is no leader at first
		p := process.Start(t, "setup", process.Spec{
			Path: fetchmill, Args: []string{"setup", "--nats", m.url, "--replicas", "3", "--ack-wait", "2s", "--duplicate-window", "1s"},
		})
		return p.Wait() == 0
	}, patience, 100*time.Millisecond, "the cluster takes no streams")
	return m, nodes
}

// ended is how many items of the load have ended; what was known last while nobody answers.
func (m *mill) ended(c *client.Client, l *load) int64 {
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Second)
	defer cancel()
	if b, err := c.Batch(ctx, l.batch); err == nil {
		l.ended = max(l.ended, b.Ended())
	}
	return l.ended
}

// recovery is how long it takes until items end again, from a time on when so many had.
func (m *mill) recovery(c *client.Client, l *load, before int64, from time.Time) time.Duration {
	var now int64
	m.tend(func() bool {
		now = m.ended(c, l)
		return now > before || time.Since(from) > patience
	})
	require.Greater(m.t, now, before, "nothing ends any more")
	return time.Since(from).Round(10 * time.Millisecond)
}

// current tells whether all copies of all queues are there and have everything, so that the next fault meets a whole cluster.
func current(t *testing.T, js jetstream.JetStream) bool {
	t.Helper()
	for name := range queues {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		s, err := js.Stream(ctx, name)
		cancel()
		if err != nil || s.CachedInfo().Cluster == nil || s.CachedInfo().Cluster.Leader == "" {
			return false
		}
		for _, r := range s.CachedInfo().Cluster.Replicas {
			if r.Offline || !r.Current {
				return false
			}
		}
	}
	return true
}
