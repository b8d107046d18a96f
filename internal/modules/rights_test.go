package modules_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/modules"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/internal/wasm"
)

// TestStore_is_read_with_the_rights_in_the_documents has a cruncher that may do what docs/wasm.md says, and nothing else.
func TestStore_is_read_with_the_rights_in_the_documents(t *testing.T) {
	reader := &server.Permissions{
		Publish: &server.SubjectPermission{Allow: []string{
			"$JS.API.STREAM.INFO.OBJ_modules", "$JS.API.DIRECT.GET.OBJ_modules.>", "$JS.API.CONSUMER.CREATE.OBJ_modules.>",
			"$JS.API.CONSUMER.DELETE.OBJ_modules.>", "$JS.FC.OBJ_modules.>",
		}},
		Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
	}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true, AuthTimeout: time.Minute.Seconds(),
		Users: []*server.User{{Username: "operator", Password: "o"}, {Username: "cruncher", Password: "c", Permissions: reader}},
	})
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	require.True(t, s.ReadyForConnections(time.Minute))
	connect := func(user, password string) jetstream.JetStream {
		nc, err := nats.Connect(s.ClientURL(), nats.Timeout(time.Minute), nats.UserInfo(user, password), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
		require.NoError(t, err)
		t.Cleanup(nc.Close)
		js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(time.Minute))
		require.NoError(t, err)
		return js
	}
	operator, cruncher := connect("operator", "o"), connect("cruncher", "c")
	_, err = topology.Provision(t.Context(), operator, topology.For(topology.Default()))
	require.NoError(t, err)
	data := make([]byte, 300_000)
	_, _, err = modules.New(operator).Put(t.Context(), "name", data)
	require.NoError(t, err)

	hash, err := modules.New(cruncher).Resolve(t.Context(), "name")
	require.NoError(t, err)
	require.Equal(t, wasm.Hash(data), hash)
	got, err := modules.New(cruncher).Load(t.Context(), hash, 1_000_000)
	require.NoError(t, err)
	require.Equal(t, data, got)
	stream, err := operator.Stream(t.Context(), "OBJ_modules")
	require.NoError(t, err)
	before := stream.CachedInfo().State.LastSeq
	require.NoError(t, cruncher.Conn().Publish("$O.modules.M.x", nil)) // what comes of it is told later
	require.NoError(t, cruncher.Conn().FlushTimeout(time.Minute))
	stream, err = operator.Stream(t.Context(), "OBJ_modules")
	require.NoError(t, err)
	require.Equal(t, before, stream.CachedInfo().State.LastSeq)
}
