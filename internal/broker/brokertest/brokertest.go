// Package brokertest gives tests a real broker of their own.
package brokertest

import (
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/broker"
	"github.com/fetchmill/fetchmill/internal/porttest"
	"github.com/fetchmill/fetchmill/internal/topology"
)

// patience is how long the broker may take for an answer. It only ends tests that hang: the clients' own 2 s and 5 s are over on a machine
// that stands still for a moment.
const patience = time.Minute

// Broker is a broker that a test can restart; it keeps its address and its streams.
type Broker struct {
	t      testing.TB
	cfg    broker.Config
	server *broker.Broker
}

// New starts a broker on a free port of the loopback interface; it ends with the test.
func New(t testing.TB) *Broker {
	t.Helper()
	b := &Broker{t: t, cfg: broker.Config{Addr: porttest.FreeAddress(t), Dir: t.TempDir()}}
	b.Start()
	t.Cleanup(b.Stop)
	return b
}

// Start starts the broker again after Stop.
func (b *Broker) Start() {
	b.t.Helper()
	server, err := broker.Start(b.cfg, slog.New(slog.DiscardHandler))
	require.NoError(b.t, err)
	b.server = server
}

// Stop ends the broker; a second Stop does nothing.
func (b *Broker) Stop() {
	if b.server != nil {
		b.server.Stop()
		b.server = nil
	}
}

// URL is where clients connect; it stays the same over restarts.
func (b *Broker) URL() string { return "nats://" + b.cfg.Addr }

// Connect opens a connection with the options of the services; it ends with the test.
func (b *Broker) Connect() *nats.Conn {
	b.t.Helper()
	nc, err := nats.Connect(b.URL(), nats.Timeout(patience), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.ReconnectBufSize(-1))
	require.NoError(b.t, err)
	b.t.Cleanup(nc.Close)
	return nc
}

// JetStream opens a connection and returns its JetStream context.
func (b *Broker) JetStream() jetstream.JetStream {
	b.t.Helper()
	js, err := jetstream.New(b.Connect(), jetstream.WithDefaultTimeout(patience))
	require.NoError(b.t, err)
	return js
}

// Provision makes the broker have the layout of cfg.
func (b *Broker) Provision(cfg topology.Config) {
	b.t.Helper()
	_, err := topology.Provision(b.t.Context(), b.JetStream(), topology.For(cfg))
	require.NoError(b.t, err)
}
