// Package standin is a real broker with just enough of a pipeline behind it for tests of clients: what is submitted ends at
// once, as its text says, in a sink that keeps everything in memory.
package standin

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
)

// Broker is an embedded broker, and a connection to it.
type Broker struct {
	URL    string
	NC     *nats.Conn
	JS     jetstream.JetStream
	broker *brokertest.Broker
}

// StartBroker starts a broker without streams. It ends with the test.
func StartBroker(t testing.TB) *Broker {
	t.Helper()
	b := brokertest.New(t)
	js := b.JetStream()
	return &Broker{URL: b.URL(), NC: js.Conn(), JS: js, broker: b}
}

// Restart ends the broker and starts it again with the same address and the same data.
func (b *Broker) Restart(t testing.TB) {
	t.Helper()
	b.broker.Stop()
	b.broker.Start()
}

// MakeStreams makes the pipeline's streams. WORK takes at most maxWork messages; -1 means any number.
func (b *Broker) MakeStreams(t testing.TB, maxWork int64) {
	t.Helper()
	for _, cfg := range []jetstream.StreamConfig{
		{Name: "WORK", Subjects: []string{"work.>"}, Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, MaxMsgs: maxWork},
		{Name: "FETCH", Subjects: []string{"fetch.>"}, Retention: jetstream.WorkQueuePolicy},
		{Name: "CRUNCH", Subjects: []string{"crunch.>"}, Retention: jetstream.WorkQueuePolicy},
		{Name: "RESULTS", Subjects: []string{"result.>"}, Retention: jetstream.WorkQueuePolicy},
		{Name: "DONE", Subjects: []string{"done.>", "event.>"}},
		{Name: "DEAD", Subjects: []string{"dead.>"}},
		{Name: "NOTICES", Subjects: []string{"notice.>"}, Retention: jetstream.WorkQueuePolicy},
	} {
		_, err := b.JS.CreateStream(t.Context(), cfg)
		require.NoError(t, err)
	}
	_, err := b.JS.CreateObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: "modules"})
	require.NoError(t, err)
}
