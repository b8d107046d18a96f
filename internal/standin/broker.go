// Package standin is a real broker with just enough of a pipeline behind it for tests of clients: what is submitted ends at
// once, as its text says, in a sink that keeps everything in memory.
package standin

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// Broker is an embedded NATS server with JetStream on a free port, and a connection to it.
type Broker struct {
	URL string
	NC  *nats.Conn
	JS  jetstream.JetStream
}

// StartBroker starts a broker without streams. It ends with the test.
func StartBroker(t testing.TB) *Broker {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
	})
	require.NoError(t, err)
	s.Start()
	require.True(t, s.ReadyForConnections(20*time.Second), "the broker does not start")
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	nc, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return &Broker{URL: s.ClientURL(), NC: nc, JS: js}
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
	} {
		_, err := b.JS.CreateStream(t.Context(), cfg)
		require.NoError(t, err)
	}
}
