package process

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/porttest"
)

// Broker says how a nats-server is started, so that it can be started again on the same address with the same data.
type Broker struct {
	Path string // of nats-server
	Dir  string // where it keeps its streams
	Port int
	Conf string // more configuration; empty for none
}

// NewBroker finds a free port and a folder for a broker.
func NewBroker(tb testing.TB, path string) Broker {
	tb.Helper()
	return Broker{Path: path, Dir: tb.TempDir(), Port: porttest.Free(tb)}
}

// URL is where clients connect.
func (b Broker) URL() string { return "nats://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(b.Port)) }

// Spec is how it is run.
func (b Broker) Spec() Spec {
	args := []string{"--jetstream", "--store_dir", b.Dir, "--addr", "127.0.0.1", "--port", strconv.Itoa(b.Port)}
	if b.Conf != "" {
		args = append(args, "--config", b.Conf)
	}
	return Spec{Path: b.Path, Args: args}
}

// Connect connects to a broker as clients should: what is not sent is an error at once, and the connection repairs itself.
func Connect(tb testing.TB, url string, options ...nats.Option) *nats.Conn {
	tb.Helper()
	nc, err := nats.Connect(url, append(options, nats.MaxReconnects(-1), nats.ReconnectBufSize(-1), nats.RetryOnFailedConnect(true),
		nats.ReconnectWait(250*time.Millisecond), nats.ReconnectJitter(250*time.Millisecond, time.Second))...)
	require.NoError(tb, err)
	tb.Cleanup(nc.Close)
	return nc
}
