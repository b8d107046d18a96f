package chaos

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/tests/internal/process"
)

// TestFaults is about processes that are stopped and go on, connections that are cut and joined, brokers that end in order and not, and
// people who send what they should not, all while items flow.
func TestFaults(t *testing.T) {
	rng := random(t)
	var faults []fault
	t.Cleanup(func() { // when all processes have ended
		if t.Failed() && *shrinkTries > 0 {
			shrinkFaults(t, faults)
		}
	})
	m := start(t, rng, "--ack-wait", "2s", "--duplicate-window", "1s")
	m.linked("sink", "--db", m.db)
	m.linked("cruncher", "-c", "4")
	m.linked("fetcher")
	m.linked("ingest")
	faults = randomFaults(rng, []string{"sink", "cruncher", "fetcher", "ingest"})
	if *only != "" {
		faults = parseFaults(t, *only)
	}
	t.Logf("the same list, or a part of it, can be had again with -chaos.faults %q", listed(faults))

	nc := process.Connect(t, m.url)
	c, err := client.New(nc)
	require.NoError(t, err)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	loads := []*load{
		{batch: "noops", recipe: "noop", n: *items / 2, item: func(i int) string { return fmt.Sprint("noop ", i) }},
		{batch: "sleeps", recipe: "sleep", n: *items / 100, item: func(int) string { return "0.2" }},
	}
	before := m.holdings()
	g := newGate()
	var flow sync.WaitGroup
	for _, l := range loads {
		flow.Go(func() { l.submit(t, c, g) })
	}
	m.begin(c, loads[0], g)
	abused := 0
	for i, f := range faults {
		g.open(float64(i+1) / float64(len(faults)+1))
		m.pause(300 * time.Millisecond)
		t.Logf("%s", f)
		abused += m.abuse(js, i)
		m.suffer(f)
	}
	g.open(1)
	m.await(&flow)
	for _, l := range loads {
		require.EqualValues(t, l.n, l.sub.Accepted, "accepted items of %s", l.batch)
		m.waitFor(c, l)
	}
	// Long after the broker has forgotten their ids, the same items again are the same items.
	for _, l := range loads {
		l.submit(t, c, g)
		m.waitFor(c, l)
	}
	eventuallyIdle(t, js)
	letters := deadItems(t, js)
	require.Len(t, letters, abused, "what nobody can do has a dead letter each")
	check(t, m, js, loads, &loners{}, abused)
	for _, l := range loads {
		checkReduced(t, c, l)
	}
	m.holdsNoMoreThan(before)

	for _, x := range m.members[1:] {
		x.process.Signal(syscall.SIGTERM)
		require.Zero(t, x.process.Wait(), "%s: %s", x.name, x.process.Stderr())
	}
}

// abuse publishes what is no work, and tells how much of it the broker has taken.
func (m *mill) abuse(js jetstream.JetStream, i int) (taken int) {
	m.t.Helper()
	for k, msg := range []*nats.Msg{
		{Subject: "work.nosuch", Data: []byte("unknown recipe"), Header: nats.Header{}},
		{Subject: "work.count", Data: []byte("not a number"), Header: nats.Header{}},
		{Subject: "work.noop", Data: []byte("{\"key\": \x00\xff"), Header: nats.Header{}},
		{Subject: "work.count", Data: append([]byte(`{"n": `), bytes.Repeat([]byte("["), 100_000)...), Header: nats.Header{}},
		{Subject: "work.count", Data: []byte("many headers"), Header: manyHeaders()},
		{Subject: "work.count", Data: []byte("headers of others"), Header: nats.Header{
			events.HeaderReply: {"result.noop"}, "Nats-Expected-Stream": {"WORK"}, "Ce-Id": {"a", "b"}, events.HeaderBatch: {"abuse", "noops"},
		}},
	} {
		msg.Header.Set(events.HeaderMsgID, fmt.Sprintf("abuse/%d/%d", i, k)) // so that it is taken once, however often it is sent
		var err error
		giveUp := time.Now().Add(patience)
		m.tend(func() bool {
			ctx, cancel := context.WithTimeout(m.t.Context(), time.Second)
			defer cancel()
			_, err = js.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0))
			return err == nil || time.Now().After(giveUp)
		})
		require.NoError(m.t, err)
		taken++
	}
	return taken
}

// manyHeaders are few enough for the broker and more than anybody needs.
func manyHeaders() nats.Header {
	h := nats.Header{}
	for i := range 1000 {
		h.Set(fmt.Sprint("X-", i), "a")
	}
	return h
}
