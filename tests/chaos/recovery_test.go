package chaos

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/tests/internal/process"
)

// BenchmarkRecovery kills the broker while no-op items flow as fast as they can, and tells how long it takes, from the kill on, until the first
// item ends again and until as many end in a second as did before (90 % of it). The broker starts again at once.
//
//	go test ./tests/chaos -run '^$' -bench Recovery -benchtime 5x
func BenchmarkRecovery(b *testing.B) {
	m := start(b, random(b), "--ack-wait", "5s")
	m.service("sink", "--db", m.db)
	m.service("cruncher")
	m.service("fetcher")
	m.service("ingest")
	c, err := client.New(process.Connect(b, m.url))
	require.NoError(b, err)

	g := newGate()
	g.open(1)
	var stopped atomic.Bool
	var waves []*load
	var flow sync.WaitGroup
	flow.Go(func() {
		for i := 0; !stopped.Load(); i++ {
			l := &load{batch: fmt.Sprint("wave", i), recipe: "noop", n: 5000, item: func(k int) string { return fmt.Sprint(i, "/", k) }}
			waves = append(waves, l)
			l.submit(b, c, g)
		}
	})
	var ended int64
	count := func() int64 {
		ctx, cancel := context.WithTimeout(b.Context(), time.Second)
		defer cancel()
		if list, err := c.Counts(ctx, events.CountQuery{Recipe: "noop"}); err == nil {
			ended = 0
			for _, k := range list {
				ended += k.Count
			}
		}
		return ended
	}
	rest := func(d time.Duration) {
		end := time.Now().Add(d)
		m.tend(func() bool { return time.Now().After(end) })
	}
	m.tend(func() bool { return count() > 5000 })

	var first, full time.Duration
	n := 0
	for b.Loop() {
		rest(time.Second)
		from, began := count(), time.Now()
		rest(3 * time.Second)
		rate := float64(count()-from) / time.Since(began).Seconds()
		broker, before, killed := m.member(nameBroker), count(), time.Now()
		broker.process.Kill()
		broker.due = killed
		m.tend(func() bool { return count() > before })
		one := time.Since(killed)
		type sample struct {
			at    time.Time
			ended int64
		}
		var last []sample // of a little more than a second
		m.tend(func() bool {
			last = append(last, sample{time.Now(), count()})
			for len(last) > 1 && last[len(last)-1].at.Sub(last[1].at) >= time.Second {
				last = last[1:]
			}
			a, z := last[0], last[len(last)-1]
			took := z.at.Sub(a.at)
			return took >= time.Second && float64(z.ended-a.ended) >= 0.9*rate*took.Seconds() || time.Since(killed) > patience
		})
		all := last[0].at.Sub(killed)
		b.Logf("%.0f items a second; killed: the first ends after %s, as many as before after %s", rate, one.Round(10*time.Millisecond), all.Round(10*time.Millisecond))
		first, full, n = first+one, full+all, n+1
	}
	b.ReportMetric(first.Seconds()/float64(n), "s-to-first")
	b.ReportMetric(full.Seconds()/float64(n), "s-to-full")
	b.ReportMetric(0, "ns/op")
	stopped.Store(true)
	m.await(&flow)
	for _, l := range waves {
		m.waitFor(c, l)
	}
}
