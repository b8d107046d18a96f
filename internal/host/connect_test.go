package host

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/porttest"
)

// patience is how long tests wait for what must happen.
const patience = time.Minute

func startBroker(t *testing.T, change func(*server.Options)) *server.Server {
	t.Helper()
	// The server's own 2 s for who comes are over on a machine that stands still for a moment.
	opts := &server.Options{Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true, AuthTimeout: patience.Seconds(), TLSTimeout: patience.Seconds()}
	if change != nil {
		change(opts)
	}
	s, err := server.NewServer(opts)
	require.NoError(t, err)
	s.Start()
	require.True(t, s.ReadyForConnections(patience))
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s
}

// noContext keeps the NATS contexts and the environment of whoever runs the tests out of them.
func noContext(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("NATS_URL", "")
	return filepath.Join(dir, "nats")
}

func TestConnect(t *testing.T) {
	t.Run("uses the URL it is given", func(t *testing.T) {
		noContext(t)
		s := startBroker(t, nil)
		t.Setenv("NATS_URL", "nats://127.0.0.1:1")
		nc, err := Connect(t.Context(), ConnectConfig{URL: s.ClientURL(), Name: "test", Timeout: patience})
		require.NoError(t, err)
		defer nc.Close()
		require.Equal(t, -1, nc.Opts.MaxReconnect)
		require.Equal(t, -1, nc.Opts.ReconnectBufSize)
		require.LessOrEqual(t, nc.Opts.ReconnectWait+nc.Opts.ReconnectJitter, 500*time.Millisecond, "the library's own wait is 2 s")
		require.Positive(t, nc.Opts.ReconnectJitter)
		require.Equal(t, "test", nc.Opts.Name)
	})
	t.Run("uses NATS_URL when it is given none", func(t *testing.T) {
		noContext(t)
		s := startBroker(t, nil)
		t.Setenv("NATS_URL", s.ClientURL())
		nc, err := Connect(t.Context(), ConnectConfig{Timeout: patience})
		require.NoError(t, err)
		nc.Close()
	})
	t.Run("uses the selected context of the nats CLI when there is no URL", func(t *testing.T) {
		dir := noContext(t)
		s := startBroker(t, func(o *server.Options) { o.Username, o.Password = "bob", "secret" })
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "context"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "context.txt"), []byte("mill\n"), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "context", "mill.json"),
			[]byte(`{"url":"`+s.ClientURL()+`","user":"bob","password":"secret"}`), 0o600))
		nc, err := Connect(t.Context(), ConnectConfig{Timeout: patience})
		require.NoError(t, err)
		nc.Close()
	})
	t.Run("says so when the selected context does not exist", func(t *testing.T) {
		dir := noContext(t)
		require.NoError(t, os.MkdirAll(dir, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "context.txt"), []byte("gone\n"), 0o600))
		_, err := Connect(t.Context(), ConnectConfig{})
		require.ErrorIs(t, err, ErrConnect)
		require.ErrorContains(t, err, `"gone"`)
		require.ErrorContains(t, err, "nats context select")
	})
	t.Run("says what it tried and how to start a broker when none answers", func(t *testing.T) {
		noContext(t)
		addr := porttest.FreeAddress(t)
		_, err := Connect(t.Context(), ConnectConfig{URL: "nats://bob:secret@" + addr})
		require.ErrorIs(t, err, ErrConnect)
		require.ErrorContains(t, err, "nats://"+addr+" (from --nats)")
		require.ErrorContains(t, err, "fetchmill up")
		require.ErrorContains(t, err, "nats-server -js")
		require.NotContains(t, err.Error(), "secret")
	})
	t.Run("says so when the broker refuses the password", func(t *testing.T) {
		noContext(t)
		s := startBroker(t, func(o *server.Options) { o.Username, o.Password = "bob", "secret" })
		_, err := Connect(t.Context(), ConnectConfig{URL: "nats://bob:wrong@" + s.Addr().String(), Timeout: patience})
		require.ErrorIs(t, err, ErrConnect)
		require.ErrorContains(t, err, "check user, password")
		require.NotContains(t, err.Error(), "wrong")
	})
	t.Run("keeps the password of a malformed URL to itself", func(t *testing.T) {
		noContext(t)
		for _, url := range []string{"nats://bob:sec ret@127.0.0.1:99999", "nats://bob:ret@127.0.0.1:port", "nats://bob:ret,%zz@host"} {
			_, err := Connect(t.Context(), ConnectConfig{URL: url, Timeout: time.Second})
			require.ErrorIs(t, err, ErrConnect, url)
			require.NotContains(t, err.Error(), "ret", url)
		}
	})
	t.Run("waits for a broker that comes later", func(t *testing.T) {
		noContext(t)
		port := porttest.Free(t)
		connected := make(chan error, 1)
		go func() {
			nc, err := Connect(context.WithoutCancel(t.Context()), ConnectConfig{URL: fmt.Sprint("nats://127.0.0.1:", port), Wait: patience})
			if err == nil {
				nc.Close()
			}
			connected <- err
		}()
		startBroker(t, func(o *server.Options) { o.Port = port })
		require.NoError(t, <-connected)
	})
	t.Run("ends waiting when it is told to", func(t *testing.T) {
		noContext(t)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := Connect(ctx, ConnectConfig{URL: "nats://" + porttest.FreeAddress(t), Wait: time.Hour})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"nats://127.0.0.1:4222":             "nats://127.0.0.1:4222",
		"nats://u:p@h:4222":                 "nats://h:4222",
		"nats://token@h":                    "nats://h",
		"u:p@h":                             "h",
		"nats://u:p@x@h":                    "nats://h",
		"nats://u:p/a,b@h":                  "nats://h",
		"nats://u:p@h1,tls://u:p@h2:1":      "nats://h1,tls://h2:1",
		"nats://127.0.0.1:1, nats://u:p@h2": "nats://127.0.0.1:1,nats://h2",
		"":                                  "",
	} {
		require.Equal(t, want, redact(in), in)
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("nats://h1,tls://", "h2:1")
	f.Add("", "h")
	f.Fuzz(func(t *testing.T, before, after string) {
		require.NotContains(t, redact(before+"user:s3cr3t@"+after), "s3cr3t")
	})
}

func TestConnect_waits_for_a_broker_behind_a_proxy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	asked := make(chan struct{}, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close() // there is nothing behind it yet
			asked <- struct{}{}
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		<-asked
		cancel()
	}()
	_, err = Connect(ctx, ConnectConfig{URL: "nats://" + l.Addr().String(), Wait: time.Hour})
	require.ErrorIs(t, err, context.Canceled, "it would have gone on asking")
}
