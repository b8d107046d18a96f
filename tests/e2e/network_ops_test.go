package e2e

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/tests/internal/process"
)

// TestNetworkOps is about the recipes that look at hosts, and at the broker, without HTTP.
func TestNetworkOps(t *testing.T) {
	secure := httptest.NewTLSServer(nil)
	t.Cleanup(secure.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	require.NoError(t, os.WriteFile(roots, block, 0o600))
	t.Setenv("SSL_CERT_FILE", roots) // what the process trusts

	m := up(t, t.TempDir(), append([]string{"--nats-allow", "svc.>", "--object-bucket", "reports"}, local...)...)
	nc := process.Connect(t, m.broker)

	t.Run("dns", func(t *testing.T) {
		m.pub(t, "work.dns", `{"name":"localhost","type":"A"}`)
		r := m.result(t, "dns", "localhost")
		require.Equal(t, events.StatusOK, r.Status, r.Error)
		require.Equal(t, []any{"127.0.0.1"}, value(t, r)["answers"])

		m.pub(t, "work.dns", `{"name":"10.0.0.1","type":"PTR"}`)
		require.Equal(t, events.ReasonForbiddenTarget, m.result(t, "dns", "10.0.0.1").Reason)
	})
	t.Run("tcp", func(t *testing.T) {
		address := greeter(t)
		m.pub(t, "work.tcp", fmt.Sprintf(`{"address":%q,"expect":"^220 "}`, address))
		r := m.result(t, "tcp", address)
		require.Equal(t, events.StatusOK, r.Status, r.Error)
		require.Equal(t, "220 ready\r\n", value(t, r)["banner"])

		m.pub(t, "work.tcp", "127.0.0.1:9")
		r = m.result(t, "tcp", "127.0.0.1:9")
		require.Equal(t, []any{events.StatusFailed, events.ReasonConnect, 1}, []any{r.Status, r.Reason, r.Attempts})
		require.Equal(t, []any{false, "connect"}, []any{value(t, r)["up"], value(t, r)["reason"]})
	})
	t.Run("certificate", func(t *testing.T) {
		_, port, err := net.SplitHostPort(secure.Listener.Addr().String())
		require.NoError(t, err)
		m.pub(t, "work.certificate", fmt.Sprintf(`{"host":"127.0.0.1","port":%s}`, port))
		r := m.result(t, "certificate", "127.0.0.1")
		require.Equal(t, events.StatusOK, r.Status, r.Error)
		require.Equal(t, true, value(t, r)["up"])
		require.NotNil(t, r.Fetch.TLS)

		m.pub(t, "work.certificate", fmt.Sprintf(`{"host":"localhost","port":%s}`, port))
		r = m.result(t, "certificate", "localhost")
		require.Equal(t, events.ReasonTLS, r.Reason)
		require.Contains(t, r.Error, "not localhost")
		require.Len(t, value(t, r)["chain"], 1)
		require.Empty(t, m.ok(t, "dead", "ls", "--recipe", "certificate", "-o", "ndjson"), "that it is not valid is what was to be found out")
	})
	t.Run("ask", func(t *testing.T) {
		_, err := nc.Subscribe("svc.echo", func(msg *nats.Msg) {
			_ = msg.Respond([]byte(fmt.Sprintf(`{"heard":%s,"id":%q}`, msg.Data, msg.Header.Get(nats.MsgIdHdr))))
		})
		require.NoError(t, err)
		require.NoError(t, nc.Flush())
		m.pub(t, "work.ask", `{"subject":"svc.echo","json":{"n":1}}`)
		r := m.result(t, "ask", "svc.echo")
		require.Equal(t, events.StatusOK, r.Status, r.Error)
		require.JSONEq(t, fmt.Sprintf(`{"heard":{"n":1},"id":%q}`, r.ID), string(r.Value))

		m.pub(t, "work.ask", "other.echo")
		r = m.result(t, "ask", "other.echo")
		require.Equal(t, events.ReasonForbiddenTarget, r.Reason)
		require.Contains(t, r.Error, "--nats-allow other.echo")
	})
	t.Run("object", func(t *testing.T) {
		js, err := jetstream.New(nc)
		require.NoError(t, err)
		store, err := js.CreateObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: "reports"})
		require.NoError(t, err)
		_, err = store.PutString(t.Context(), "a/1.txt", strings.Repeat("x", 1000))
		require.NoError(t, err)
		m.pub(t, "work.object", `{"name":"a/1.txt","bucket":"reports"}`)
		r := m.result(t, "object", "a/1.txt")
		require.Equal(t, events.StatusOK, r.Status, r.Error)
		require.EqualValues(t, 1000, value(t, r)["bytes"])

		m.pub(t, "work.object", `{"name":"a/2.txt","bucket":"reports"}`)
		require.Equal(t, events.ReasonNotFound, m.result(t, "object", "a/2.txt").Reason)
		m.pub(t, "work.object", `{"name":"a/3.txt","bucket":"secret"}`)
		require.Equal(t, events.ReasonForbiddenTarget, m.result(t, "object", "a/3.txt").Reason)
	})
}

func value(t *testing.T, r events.Result) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal(r.Value, &v), string(r.Value))
	return v
}

// greeter is a server that says that it is ready, and its address.
func greeter(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("220 ready\r\n"))
			c.Close()
		}
	}()
	return l.Addr().String()
}
