package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/site"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/tests/internal/process"
)

// patience bounds every wait for what must happen, however busy the machine is.
const patience = 5 * time.Minute

func random(t testing.TB) *rand.Rand {
	t.Helper()
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("what is random comes again with -chaos.seed %d", *seed)
	return rand.New(rand.NewPCG(*seed, *seed))
}

func TestKills(t *testing.T) {
	pages := httptest.NewServer(site.New())
	t.Cleanup(pages.Close)
	// Windows so short that many duplicates pass the broker and only the database can recognise them.
	m := start(t, random(t), "--ack-wait", "2s", "--duplicate-window", "1s")
	m.service("sink", "--db", m.db)
	m.service("cruncher", "-c", "4")
	m.service("fetcher", "--allow-net", "127.0.0.0/8", "--retry-first", "100ms", "--retry-most", "1s")
	m.service("ingest")

	nc := process.Connect(t, m.url)
	c, err := client.New(nc)
	require.NoError(t, err)
	loads := []*load{
		{batch: "noops", recipe: "noop", n: *items * 90 / 100, item: func(i int) string { return fmt.Sprint("noop ", i) }},
		{batch: "pages", recipe: "page", n: *items * 7 / 100, item: func(i int) string { return fmt.Sprint(pages.URL, "/fast/", i) }},
		{batch: "sleeps", recipe: "sleep", n: *items * 2 / 100, item: func(int) string { return "0.2" }},
		{batch: "wholes", recipe: "count-to", n: *items / 1000, parts: 64, item: func(i int) string { return fmt.Sprint(1000 + i) }},
	}
	alone := &loners{n: *items / 100}

	g := newGate()
	var flow sync.WaitGroup
	for _, l := range loads {
		flow.Go(func() { l.submit(t, c, g) })
	}
	flow.Go(func() { alone.publish(t, nc, g) })
	m.begin(c, loads[0], g)
	began := time.Now()
	m.killAll(g)
	m.await(&flow)
	for _, l := range loads {
		require.EqualValues(t, l.n, l.sub.Accepted, "accepted items of %s", l.batch)
		m.waitFor(c, l)
	}
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	queues := eventuallyIdle(t, js)
	t.Logf("all is done after %s", time.Since(began).Round(time.Second))
	require.Empty(t, deadLetters(t, js))
	check(t, m, js, loads, alone, 0)
	for _, l := range loads {
		checkReduced(t, c, l)
	}
	stillCancels(t, c)
	for _, x := range m.members {
		t.Logf("%-8s killed %d times, ended by itself %d times", x.name, x.kills, x.falls)
	}
	for _, stream := range []string{"WORK", "FETCH", "CRUNCH", "RESULTS"} {
		t.Logf("%-8s %6d messages, %6d deliveries more than that", stream, queues[stream].stored, queues[stream].redelivered)
	}
	for _, l := range loads {
		t.Logf("%-8s submitted in %d tries, %d recognised as duplicates by the broker at once", l.batch, l.tries, l.sub.Duplicates)
	}
}

// begin waits until the first items have ended, so that what happens next happens while items flow.
func (m *mill) begin(c *client.Client, l *load, g *gate) {
	m.t.Helper()
	g.open(0.01)
	giveUp := time.Now().Add(patience)
	m.tend(func() bool { return m.ended(c, l) > 0 || time.Now().After(giveUp) })
	require.Positive(m.t, m.ended(c, l), "no item ends")
}

// killAll kills every process so many times, in an order that is random, and lets a part of the load flow before each kill.
func (m *mill) killAll(g *gate) {
	var victims []*member
	for range *kills {
		victims = append(victims, m.members...)
	}
	m.rng.Shuffle(len(victims), func(i, j int) { victims[i], victims[j] = victims[j], victims[i] })
	for i, x := range victims {
		g.open(float64(i+1) / float64(len(victims)+1))
		m.pause(400 * time.Millisecond)
		m.kill(x)
	}
	g.open(1)
}

// waitFor waits for the end of a batch, and starts again what falls meanwhile.
func (m *mill) waitFor(c *client.Client, l *load) {
	m.t.Helper()
	giveUp := time.Now().Add(patience)
	var b *events.Batch
	m.tend(func() bool {
		ctx, cancel := context.WithTimeout(m.t.Context(), time.Second)
		defer cancel()
		latest, err := c.Batch(ctx, l.batch)
		if err == nil {
			b = latest
		}
		return b != nil && b.IsFinished() || time.Now().After(giveUp)
	})
	require.NotNil(m.t, b, "batch %s is not known", l.batch)
	require.Equal(m.t, events.BatchStateDone, b.State, "batch %+v", *b)
	require.EqualValues(m.t, l.n, b.OK, "batch %+v", *b)
	require.EqualValues(m.t, l.n, b.Ended(), "batch %+v", *b)
}

// check compares the database and the announcements with what was accepted; so many items beside the loads had to fail.
func check(t testing.TB, m *mill, js jetstream.JetStream, loads []*load, alone *loners, failed int) {
	t.Helper()
	places, wholes := map[string][]int{}, map[string][]string{}
	for _, l := range loads {
		places[l.batch] = []int{}
	}
	lonely := map[string]int{}
	ids := map[string]bool{}
	repeated := 0
	for _, r := range rows(t, m.db) {
		require.False(t, ids[r.id], "two rows for %+v", r)
		ids[r.id] = true
		if r.status == "failed" && places[r.batch] == nil && failed > 0 {
			failed--
			continue
		}
		require.Equal(t, "ok", r.status, "%+v", r)
		if r.attempts > 1 {
			repeated++
		}
		if r.batch == "" {
			lonely[r.key]++
		} else {
			places[r.batch] = append(places[r.batch], r.index)
			wholes[r.batch] = append(wholes[r.batch], r.id)
		}
	}
	require.Zero(t, failed, "so many items have not failed")
	var batches []string // whose ends have to be announced
	for _, l := range loads {
		batches = append(batches, l.batch)
		if l.parts > 0 {
			batches = append(batches, wholes[l.batch]...)
		}
	}
	done, ends := eventuallyAnnounced(t, js, batches)
	for _, l := range loads {
		got := places[l.batch]
		slices.Sort(got)
		require.Len(t, got, l.n, "rows of %s", l.batch)
		for i, index := range got {
			require.Equal(t, i, index, "rows of %s", l.batch)
		}
		for _, id := range wholes[l.batch] {
			if l.parts == 0 {
				break
			}
			slices.Sort(places[id])
			require.Len(t, places[id], l.parts, "parts of %s of %s", id, l.batch)
			require.Equal(t, []int{0, l.parts - 1}, []int{places[id][0], places[id][l.parts-1]}, "parts of %s of %s", id, l.batch)
			require.Len(t, slices.Compact(places[id]), l.parts, "parts of %s of %s", id, l.batch)
		}
	}
	for key := range alone.accepted {
		require.Equal(t, 1, lonely[key], "rows of %q", key)
	}
	for key, n := range lonely {
		require.Equal(t, 1, n, "rows of %q", key)
		require.True(t, alone.accepted[key] || alone.unknown[key], key)
	}
	again := 0
	for id := range ids {
		require.Positive(t, done[id], "item %s was not announced", id)
		again += done[id] - 1
	}
	require.Len(t, done, len(ids))
	t.Logf("%d rows, each item once; %d items were done by more than one worker; %d announcements came twice; ends %v", len(ids), repeated, again, ends)
	t.Logf("without batch: %d accepted, %d with an unknown fate", len(alone.accepted), len(alone.unknown))
}

// stillCancels checks that the services still hear of cancelled batches after all these lost connections.
func stillCancels(t *testing.T, c *client.Client) {
	t.Helper()
	const n = 10
	forever := func(yield func(client.Item, error) bool) {
		for range n {
			if !yield(client.Item{Text: "80000"}, nil) {
				return
			}
		}
	}
	_, err := c.Submit(t.Context(), "sleep", forever, client.SubmitOptions{Batch: "endless"})
	require.NoError(t, err)
	require.NoError(t, c.CancelBatch(t.Context(), "endless"))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b, err := c.WaitBatch(ctx, "endless", client.WaitOptions{})
	require.NoError(t, err, "a batch that is cancelled does not end")
	require.EqualValues(t, n, b.Cancelled, "batch %+v", *b)
}
