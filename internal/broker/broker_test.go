package broker_test

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/broker"
)

func start(cfg broker.Config) (*broker.Broker, error) {
	return broker.Start(cfg, slog.New(slog.DiscardHandler))
}

func connect(t *testing.T, url string, options ...nats.Option) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url, options...)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return js
}

func TestBroker(t *testing.T) {
	t.Run("picks a free port, serves clients in and out of the process, and keeps its streams over a restart", func(t *testing.T) {
		cfg := broker.Config{Addr: "127.0.0.1:0", Dir: t.TempDir()}
		b, err := start(cfg)
		require.NoError(t, err)
		_, err = connect(t, b.URL()).CreateStream(t.Context(), jetstream.StreamConfig{Name: "S"})
		require.NoError(t, err)
		_, err = connect(t, "", b.InProcess()).Stream(t.Context(), "S")
		require.NoError(t, err)
		b.Stop()

		cfg.Sync.Always = true
		b, err = start(cfg)
		require.NoError(t, err)
		defer b.Stop()
		_, err = connect(t, b.URL()).Stream(t.Context(), "S")
		require.NoError(t, err)
	})

	t.Run("says that its address is taken, and what to do", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { require.NoError(t, l.Close()) }()
		_, err = start(broker.Config{Addr: l.Addr().String(), Dir: t.TempDir()})
		require.ErrorIs(t, err, broker.ErrAddrInUse)
		require.ErrorContains(t, err, "--nats-addr")
	})

	for name, addr := range map[string]string{
		"no port": "127.0.0.1", "a word for a port": "127.0.0.1:x", "a port too high": "127.0.0.1:70000",
		"an address of another machine": "192.0.2.1:0", "nothing": "",
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			_, err := start(broker.Config{Addr: addr, Dir: t.TempDir()})
			require.Error(t, err)
			require.NotErrorIs(t, err, broker.ErrAddrInUse)
		})
	}

	t.Run("says at once that it cannot store", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		began := time.Now()
		_, err := start(broker.Config{Addr: "127.0.0.1:0", Dir: filepath.Join(file, "data")})
		require.ErrorContains(t, err, file)
		require.Less(t, time.Since(began), 30*time.Second)
		require.False(t, strings.HasSuffix(err.Error(), "5m0s"))
	})
}
