package chaos

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/internal/sandbox"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/tests/internal/process"
)

// TestClock is about a sink whose clock is put forward and back by days while items flow: no batch that is alive expires, and nothing stands still.
// The services are in the process of the test, as a clock of one's own can only be given there.
func TestClock(t *testing.T) {
	var off atomic.Int64
	s, err := sandbox.Start(t.Context(), sandbox.Options{Log: slog.New(slog.DiscardHandler), Configure: func(c *app.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
		c.BatchIdle = time.Minute // it is looked for idle ones each 2.5 s
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	nc := process.Connect(t, s.NATSURL)
	c, err := client.New(nc)
	require.NoError(t, err)
	js, err := jetstream.New(nc)
	require.NoError(t, err)

	loads := []*load{
		{batch: "alive", recipe: "sleep", n: 3, item: func(int) string { return "13" }}, // nothing comes for it meanwhile
		{batch: "noops", recipe: "noop", n: *items / 4, item: func(i int) string { return fmt.Sprint("noop ", i) }},
	}
	g := newGate()
	var flow sync.WaitGroup
	for _, l := range loads {
		flow.Go(func() { l.submit(t, c, g) })
	}
	jumps := []time.Duration{24 * time.Hour, -48 * time.Hour, 24 * time.Hour}
	alone := []string{"4", "4.1", "4.2"} // seconds: longer than from one look for idle batches to the next
	g.open(1 / float64(len(jumps)+1))
	for i, jump := range jumps {
		_, err := c.Run(t.Context(), "sleep", client.Item{Text: alone[i]})
		require.NoError(t, err)
		t.Logf("the clock of the sink is set by %s", jump)
		off.Add(int64(jump))
		g.open(float64(i+2) / float64(len(jumps)+1))
	}
	flow.Wait()
	for _, l := range loads {
		b, err := c.WaitBatch(t.Context(), l.batch, client.WaitOptions{})
		require.NoError(t, err)
		require.Equal(t, events.BatchStateDone, b.State, "batch %+v", *b)
		require.EqualValues(t, l.n, b.OK, "batch %+v", *b)
	}
	eventuallyIdle(t, js)
	check(t, &mill{t: t, db: filepath.Join(s.Dir, "results.db")}, js, loads, &loners{accepted: map[string]bool{alone[0]: true, alone[1]: true, alone[2]: true}}, 0)
	_, ends := eventuallyAnnounced(t, js, []string{"alive", "noops"})
	require.Equal(t, map[string]int{"alive": 1, "noops": 1}, ends, "none has come to an end before")
}
