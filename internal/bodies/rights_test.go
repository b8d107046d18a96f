package bodies_test

import (
	"io"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/bodies"
	"github.com/fetchmill/fetchmill/internal/topology"
)

// The rights that internal/topology/access.go gives.
var (
	reading = []string{"$JS.API.STREAM.INFO.OBJ_bodies", "$JS.API.DIRECT.GET.OBJ_bodies", "$JS.API.DIRECT.GET.OBJ_bodies.>"}
	writing = append([]string{"$O.bodies.C.>", "$O.bodies.M.>", "$JS.API.STREAM.PURGE.OBJ_bodies"}, reading...)
)

func TestStore_needs_no_more_rights_than_the_documents_say(t *testing.T) {
	user := func(name string, publish []string) *server.User {
		return &server.User{Username: name, Password: name, Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Allow: publish}, Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
		}}
	}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true, AuthTimeout: time.Minute.Seconds(),
		Users: []*server.User{user("admin", []string{">"}), user("fetcher", writing), user("cruncher", reading)},
	})
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	as := func(name string) *nats.Conn {
		nc, err := nats.Connect(s.ClientURL(), nats.Timeout(time.Minute), nats.UserInfo(name, name), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
		require.NoError(t, err)
		t.Cleanup(nc.Close)
		return nc
	}
	js, err := jetstream.New(as("admin"), jetstream.WithDefaultTimeout(time.Minute))
	require.NoError(t, err)
	_, err = topology.Provision(t.Context(), js, topology.For(topology.Default()))
	require.NoError(t, err)

	fetcher, err := bodies.New(as("fetcher"))
	require.NoError(t, err)
	for range 2 { // the second time it removes its chunks
		_, err = fetcher.Put(t.Context(), random(1, 300<<10))
		require.NoError(t, err)
	}
	stream, err := js.Stream(t.Context(), "OBJ_bodies")
	require.NoError(t, err)
	require.EqualValues(t, 4, stream.CachedInfo().State.Msgs)

	cruncher, err := bodies.New(as("cruncher"))
	require.NoError(t, err)
	body, err := cruncher.Get(t.Context(), refOf(t, random(1, 300<<10)))
	require.NoError(t, err)
	n, err := io.Copy(io.Discard, body)
	require.NoError(t, err)
	require.EqualValues(t, 300<<10, n)
}
