package keys_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/keys"
	"github.com/fetchmill/fetchmill/internal/topology"
)

// guarded is a broker that knows the users of a folder of keys, and has everything that the services need.
type guarded struct {
	dir string
	url string
}

// patience is how long the broker may take for an answer.
const patience = time.Minute

func newGuarded(t *testing.T, o keys.Options) guarded {
	t.Helper()
	dir := t.TempDir()
	_, err := keys.Make(dir, o)
	require.NoError(t, err)
	options, err := server.ProcessConfigFile(filepath.Join(dir, keys.UsersFile))
	require.NoError(t, err)
	options.AuthTimeout = patience.Seconds() // the server's own 2 s are over on a machine that stands still for a moment
	options.Host, options.Port = "127.0.0.1", server.RANDOM_PORT
	options.JetStream, options.StoreDir, options.NoSigs, options.NoLog = true, t.TempDir(), true, true
	s, err := server.NewServer(options)
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	require.True(t, s.ReadyForConnections(time.Minute))
	g := guarded{dir: dir, url: s.ClientURL()}
	js, err := jetstream.New(g.as(t, "setup").nc, jetstream.WithDefaultTimeout(patience))
	require.NoError(t, err)
	_, err = topology.Provision(t.Context(), js, topology.For(topology.Default()))
	require.NoError(t, err, "setup can make everything")
	return g
}

// connection is that of a user.
type connection struct{ nc *nats.Conn }

func (g guarded) as(t *testing.T, user string) connection {
	t.Helper()
	key, err := nats.NkeyOptionFromSeed(filepath.Join(g.dir, keys.SeedFile(user)))
	require.NoError(t, err)
	nc, err := nats.Connect(g.url, key, nats.Timeout(patience), nats.CustomInboxPrefix(g.user(t, user).Inbox), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return connection{nc}
}

func (g guarded) user(t *testing.T, name string) keys.User {
	t.Helper()
	list, err := keys.List(g.dir)
	require.NoError(t, err)
	for _, u := range list {
		if u.Name == name {
			return u
		}
	}
	require.Fail(t, "there is no user "+name)
	return keys.User{}
}

// publish tells whether the broker takes a message on the subject.
func (c connection) publish(t *testing.T, subject string) bool {
	t.Helper()
	require.NoError(t, c.nc.Publish(subject, nil))
	return c.allowed(t, "Publish to", subject)
}

// subscribe tells whether the broker takes a subscription.
func (c connection) subscribe(t *testing.T, subject string) bool {
	t.Helper()
	sub, err := c.nc.SubscribeSync(subject)
	require.NoError(t, err)
	defer func() { _ = sub.Unsubscribe() }()
	return c.allowed(t, "Subscription to", subject)
}

// allowed tells whether the broker has not refused what was just done. A refusal comes before the answer to a later ping.
func (c connection) allowed(t *testing.T, what, subject string) bool {
	t.Helper()
	require.NoError(t, c.nc.FlushTimeout(time.Minute))
	err := c.nc.LastError()
	return err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(fmt.Sprintf("%s %q", what, subject)))
}

// Who may publish where. What no row says, such as deleting a stream, only setup may, or nobody.
var publishers = []struct {
	subject string
	roles   string
}{
	{"work.page", "sink client operator"},
	{"fetch.high.http.get", "ingest fetcher"},
	{"crunch.low.hash", "ingest fetcher cruncher"},
	{"result.page", "ingest fetcher cruncher sink"},
	{"result._batch.x", "ingest"},
	{"done.page", "sink"},
	{"event.batch.done", "sink"},
	{"dead.ingest.page", "ingest"},
	{"dead.fetch.page", "fetcher"},
	{"dead.crunch.page", "cruncher"},
	{"dead.sink.page", "sink"},
	{"dead.notice.mail", "sink"},
	{"notice.mail", "sink operator"},
	{"run.count", "client operator"},
	{"batch.cancel", "client operator"},
	{"query.results", "ingest client operator"},
	{"query.targets", "ingest client operator"},
	{"uptime.apply", "operator"},
	{"uptime.rm", "operator"},
	{"channel.list", "operator"},
	{"channel.test", "operator"},
	{"load.fetch", "operator"},
	{"fetchmill.fetchers", "fetcher"},

	{"$KV.control.cancel.b", "ingest"},
	{"$KV.control.whole.x", "ingest sink"},
	{"$JS.API.DIRECT.GET.KV_control.$KV.control.whole.x", "setup sink"},
	{"$KV.control.trial.fetch.x", "fetcher"},
	{"$KV.control.trial.crunch.x", "cruncher"},
	{"$KV.control.notify.b", "ingest"},
	{"$KV.control.told.dead", "sink"},
	{"$KV.control.x", ""},
	{"$KV.validators.x", "fetcher"},
	{"$JS.API.DIRECT.GET.KV_validators.$KV.validators.x", "setup fetcher"},
	{"$JS.API.DIRECT.GET.KV_control.$KV.control.trial.fetch.x", "setup fetcher"},
	{"$JS.API.DIRECT.GET.KV_control.$KV.control.notify.b", "setup sink"},
	{"$JS.API.DIRECT.GET.KV_control.$KV.control.told.dead", "setup sink"},
	{"$JS.API.DIRECT.GET.KV_control", "setup"},
	{"$JS.API.CONSUMER.CREATE.KV_validators.x.$KV.validators.>", "setup"},
	{"$O.bodies.C.x", "fetcher"},
	{"$O.bodies.M.x", "fetcher"},
	{"$JS.API.DIRECT.GET.OBJ_bodies", "setup fetcher cruncher"},
	{"$O.modules.C.x", "operator"},
	{"$O.modules.M.x", "operator"},
	{"$JS.API.DIRECT.GET.OBJ_modules", "setup cruncher operator"},

	{"$JS.API.CONSUMER.MSG.NEXT.WORK.ingest", "setup ingest"},
	{"$JS.API.CONSUMER.MSG.NEXT.FETCH.high", "setup fetcher"},
	{"$JS.API.CONSUMER.MSG.NEXT.CRUNCH.low", "setup cruncher"},
	{"$JS.API.CONSUMER.MSG.NEXT.RESULTS.sink", "setup sink"},
	{"$JS.API.CONSUMER.MSG.NEXT.NOTICES.mail", "setup sink"},
	{"$JS.API.CONSUMER.CREATE.NOTICES.mail.notice.mail", "setup sink"},
	{"$JS.API.STREAM.INFO.NOTICES", "setup sink operator"},
	{"$JS.API.STREAM.INFO.DEAD", "setup sink operator"},
	{"$JS.API.STREAM.MSG.DELETE.NOTICES", "setup sink"},
	{"$JS.API.DIRECT.GET.NOTICES", "setup sink"},
	{"$JS.API.CONSUMER.MSG.NEXT.DONE.batch-notices", "setup sink client operator"},
	{"$JS.API.CONSUMER.MSG.NEXT.DONE.x", "setup client operator"},
	{"$JS.API.CONSUMER.MSG.NEXT.DEAD.x", "setup operator"},
	{"$JS.ACK.WORK.ingest.1.2.3.4.5", "ingest"},
	{"$JS.ACK.FETCH.normal.1.2.3.4.5", "fetcher"},
	{"$JS.ACK.domain.account.CRUNCH.normal.1.2.3.4.5", "cruncher"},
	{"$JS.ACK.RESULTS.sink.1.2.3.4.5", "sink"},

	{"$JS.API.INFO", "setup"},
	{"$JS.API.STREAM.NAMES", "setup"},
	{"$JS.API.STREAM.CREATE.NEW", "setup"},
	{"$JS.API.STREAM.UPDATE.WORK", "setup"},
	{"$JS.API.STREAM.DELETE.WORK", "setup"},
	{"$JS.API.STREAM.PURGE.FETCH", "setup"},
	{"$JS.API.STREAM.PURGE.KV_control", "setup"},
	{"$JS.API.STREAM.PURGE.OBJ_bodies", "setup fetcher"},
	{"$JS.API.STREAM.MSG.GET.WORK", "setup"},
	{"$JS.API.STREAM.MSG.DELETE.RESULTS", "setup"},
	{"$JS.API.STREAM.MSG.DELETE.DEAD", "setup operator"},
	{"$JS.API.DIRECT.GET.WORK", "setup"},
	{"$JS.API.DIRECT.GET.DEAD", "setup operator"},
	{"$JS.API.CONSUMER.CREATE.FETCH", "setup"},
	{"$JS.API.CONSUMER.CREATE.FETCH.mine", "setup"},
	{"$JS.API.CONSUMER.CREATE.FETCH.high.fetch.high.>", "setup"},
	{"$JS.API.CONSUMER.DURABLE.CREATE.RESULTS.mine", "setup"},
	{"$JS.API.CONSUMER.DELETE.FETCH.high", "setup"},
	{"$JS.API.CONSUMER.PAUSE.FETCH.high", "setup"},
	{"$JS.API.CONSUMER.CREATE.DONE.mine.done.page", "setup client operator"},
	{"$JS.API.CONSUMER.CREATE.DEAD.mine.dead.fetch.page", "setup operator"},

	{"_INBOX_setup.x", ""},
	{"_INBOX_fetcher.x", ""},
	{"_INBOX_cruncher.x", ""},
	{"_INBOX_sink.x", ""},
	{"_INBOX_ingest.x", "sink"}, // which ingest asks
	{"_INBOX.x", "ingest fetcher cruncher sink"},
	{"$SYS.REQ.SERVER.PING", ""},
	{"$SRV.STATS", "operator"},
	{"anything.else", ""},
}

// Who may subscribe to what.
var subscribers = []struct {
	subject string
	roles   string
}{
	{">", ""},
	{"*.>", ""},
	{"work.>", ""},
	{"fetch.>", ""},
	{"crunch.>", ""},
	{"result.page", ""},
	{"notice.>", ""},
	{"done.>", "client operator"},
	{"event.batch.done", "client operator"},
	{"dead.fetch.page", "operator"},
	{"run.*", "ingest"},
	{"run.count", "ingest"},
	{"batch.*", "ingest"},
	{"query.*", "sink"},
	{"uptime.*", "sink"},
	{"channel.*", "sink"},
	{"load.fetch", "fetcher"},
	{"fetchmill.fetchers", "fetcher"},
	{"$SRV.STATS", "ingest fetcher cruncher sink"},
	{"$SRV.STATS.sink", "sink"},
	{"$KV.control.>", ""},
	{"$O.bodies.>", ""},
	{"$JS.API.>", ""},
	{"$JS.EVENT.>", ""},
	{"$JS.ACK.>", ""},
	{"$SYS.>", ""},
	{"_INBOX.>", ""},
	{"_INBOX.*.>", ""},
	{"_INBOX_fetcher.>", "fetcher"},
	{"_INBOX_sink.*", "sink"},
	{"_INBOX_*.>", ""},
}

func TestRights(t *testing.T) {
	g := newGuarded(t, keys.Options{})
	for _, role := range topology.Roles() {
		c := g.as(t, string(role))
		t.Run(string(role)+" may publish what is its own, and nothing else", func(t *testing.T) {
			for _, row := range publishers {
				require.Equal(t, slices.Contains(strings.Fields(row.roles), string(role)), c.publish(t, row.subject), row.subject)
			}
		})
		t.Run(string(role)+" may subscribe to what is its own, and to nothing else", func(t *testing.T) {
			for _, row := range subscribers {
				require.Equal(t, slices.Contains(strings.Fields(row.roles), string(role)), c.subscribe(t, row.subject), row.subject)
			}
		})
	}
}

func TestPeople(t *testing.T) {
	g := newGuarded(t, keys.Options{Clients: []string{"alice"}, Operators: []string{"carol"}})

	t.Run("further clients and operators have the rights of the first", func(t *testing.T) {
		alice, carol := g.as(t, "alice"), g.as(t, "carol")
		require.True(t, alice.publish(t, "work.page"))
		require.False(t, alice.publish(t, "$O.modules.M.x"))
		require.True(t, carol.publish(t, "$O.modules.M.x"))
	})
	t.Run("nobody reads the answers to another", func(t *testing.T) {
		alice := g.as(t, "alice")
		for _, other := range []string{"client", "carol"} {
			require.False(t, alice.subscribe(t, g.user(t, other).Inbox+".>"), other)
		}
	})
	t.Run("who has no key, or one that is not in the list, is not let in", func(t *testing.T) {
		_, err := nats.Connect(g.url, nats.Timeout(patience))
		require.ErrorIs(t, err, nats.ErrAuthorization)
		elsewhere := t.TempDir()
		_, err = keys.Make(elsewhere, keys.Options{})
		require.NoError(t, err)
		key, err := nats.NkeyOptionFromSeed(filepath.Join(elsewhere, keys.SeedFile("client")))
		require.NoError(t, err)
		_, err = nats.Connect(g.url, key, nats.Timeout(patience))
		require.ErrorIs(t, err, nats.ErrAuthorization)
	})
}

func TestExtra(t *testing.T) {
	g := newGuarded(t, keys.Options{Extra: topology.Extra{Subjects: []string{"svc.>", "run.*"}, Buckets: []string{"reports"}}})
	fetcher, cruncher := g.as(t, "fetcher"), g.as(t, "cruncher")
	for _, subject := range []string{"svc.a.b", "run.count", "$JS.API.DIRECT.GET.OBJ_reports.$O.reports.M.x"} {
		require.True(t, fetcher.publish(t, subject), subject)
		require.False(t, cruncher.publish(t, subject), subject)
	}
	for _, role := range []string{"ingest", "sink"} { // a fetcher that asks for a result is answered
		require.True(t, g.as(t, role).publish(t, "_INBOX_fetcher.x"), role)
	}
}

// Everything in the layout has rights, so that nobody forgets them.
func TestLayout_without_access(t *testing.T) {
	all := topology.For(topology.Default())
	for name, l := range map[string]topology.Layout{
		"stream EXTRA":       {Streams: append(all.Streams, jetstream.StreamConfig{Name: "EXTRA"})},
		"bucket extra":       {Buckets: append(all.Buckets, jetstream.KeyValueConfig{Bucket: "extra"})},
		"object store extra": {Objects: append(all.Objects, jetstream.ObjectStoreConfig{Bucket: "extra"})},
	} {
		_, err := l.Rights(topology.Extra{})
		require.ErrorIs(t, err, topology.ErrNoAccess)
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, err, "access.go")
	}
}

func TestMake(t *testing.T) {
	t.Run("keeps what is there, and only the owner reads secrets", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "keys")
		first, err := keys.Make(dir, keys.Options{})
		require.NoError(t, err)
		require.Len(t, first, len(topology.Roles())+5)
		again, err := keys.Make(dir, keys.Options{})
		require.NoError(t, err)
		for i := range first {
			require.Equal(t, keys.Created, first[i].Action, first[i].File)
			require.Equal(t, keys.Made{File: first[i].File, Action: keys.Unchanged}, again[i])
		}
		folder, err := os.Stat(dir)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o700), folder.Mode().Perm())
		for _, m := range first {
			info, err := os.Stat(filepath.Join(dir, m.File))
			require.NoError(t, err)
			want := os.FileMode(0o600)
			if m.File == keys.UsersFile || m.File == keys.PasswordFile || m.File == keys.GrafanaFile {
				want = 0o644
			}
			require.Equal(t, want, info.Mode().Perm(), m.File)
		}
	})
	t.Run("no secret is in the list of users", func(t *testing.T) {
		dir := t.TempDir()
		_, err := keys.Make(dir, keys.Options{})
		require.NoError(t, err)
		list, err := os.ReadFile(filepath.Join(dir, keys.UsersFile))
		require.NoError(t, err)
		for _, role := range topology.Roles() {
			seed, err := os.ReadFile(filepath.Join(dir, keys.SeedFile(string(role))))
			require.NoError(t, err)
			require.NotContains(t, string(list), strings.TrimSpace(string(seed)))
		}
	})
	t.Run("a new client changes the list and no key", func(t *testing.T) {
		dir := t.TempDir()
		_, err := keys.Make(dir, keys.Options{})
		require.NoError(t, err)
		made, err := keys.Make(dir, keys.Options{Clients: []string{"alice"}})
		require.NoError(t, err)
		changed := map[string]string{}
		for _, m := range made {
			if m.Action != keys.Unchanged {
				changed[m.File] = m.Action
			}
		}
		require.Equal(t, map[string]string{"alice/nkey": keys.Created, keys.UsersFile: keys.Updated}, changed)
	})
	for _, name := range []string{"", "Alice", "../x", "a/b", "sink", "broker", strings.Repeat("a", 33)} {
		t.Run(fmt.Sprintf("refuses %q as a name", name), func(t *testing.T) {
			_, err := keys.Make(t.TempDir(), keys.Options{Clients: []string{name}})
			require.ErrorIs(t, err, keys.ErrName)
		})
	}
	t.Run("refuses a name twice", func(t *testing.T) {
		_, err := keys.Make(t.TempDir(), keys.Options{Clients: []string{"a"}, Operators: []string{"a"}})
		require.ErrorIs(t, err, keys.ErrName)
	})
	t.Run("says which file is no key", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "sink"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "sink", "nkey"), []byte("not a key"), 0o600))
		_, err := keys.Make(dir, keys.Options{})
		require.ErrorContains(t, err, "sink/nkey is no key")
	})
	t.Run("says that there are no keys, and how to make them", func(t *testing.T) {
		_, err := keys.List(t.TempDir())
		require.ErrorContains(t, err, "fetchmill keys make")
	})
}
