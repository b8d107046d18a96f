// Package standin is a real broker with just enough of a pipeline behind it for tests of clients: what is submitted ends at
// once, as its text says, in a sink that keeps everything in memory.
package standin

import (
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// Broker is an embedded NATS server with JetStream on a free port, and a connection to it.
type Broker struct {
	URL    string
	NC     *nats.Conn
	JS     jetstream.JetStream
	server *server.Server
	opts   server.Options
}

// StartBroker starts a broker without streams. It ends with the test.
func StartBroker(t testing.TB) *Broker {
	t.Helper()
	b := &Broker{opts: server.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
	}}
	b.start(t)
	t.Cleanup(b.stop)
	b.URL = b.server.ClientURL()
	var err error
	b.NC, err = nats.Connect(b.URL, nats.MaxReconnects(-1), nats.ReconnectBufSize(-1), nats.ReconnectWait(20*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(b.NC.Close)
	b.JS, err = jetstream.New(b.NC)
	require.NoError(t, err)
	return b
}

// Restart ends the broker and starts it again with the same address and the same data.
func (b *Broker) Restart(t testing.TB) {
	t.Helper()
	addr, ok := b.server.Addr().(*net.TCPAddr)
	require.True(t, ok)
	b.opts.Port = addr.Port
	b.stop()
	b.start(t)
}

func (b *Broker) start(t testing.TB) {
	t.Helper()
	opts := b.opts
	s, err := server.NewServer(&opts)
	require.NoError(t, err)
	s.Start()
	require.True(t, s.ReadyForConnections(20*time.Second), "the broker does not start")
	b.server = s
}

func (b *Broker) stop() {
	b.server.Shutdown()
	b.server.WaitForShutdown()
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
