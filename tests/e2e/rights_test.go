package e2e

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/keys"
	"github.com/fetchmill/fetchmill/internal/wasm/wasmtest"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/tests/internal/natscli"
	"github.com/fetchmill/fetchmill/tests/internal/process"
)

// guard is a real nats-server with the users of a folder of keys, and one more that may do everything.
type guard struct {
	dir    string // of the keys
	broker *process.Process
	url    string
	all    nats.Option // who may do everything
}

// newGuard makes keys with the command, and starts the broker. more is put into the broker's configuration.
func newGuard(t *testing.T, more string, flags ...string) guard {
	t.Helper()
	g := guard{dir: filepath.Join(t.TempDir(), "keys"), all: nats.UserInfo("all", "all")}
	require.Contains(t, (&mill{}).ok(t, append([]string{"keys", "make", "--dir", g.dir}, flags...)...), "created")
	users, err := os.ReadFile(filepath.Join(g.dir, keys.UsersFile))
	require.NoError(t, err)
	conf := filepath.Join(t.TempDir(), "nats.conf")
	with := strings.Replace(string(users), "users: [", "users: [\n{user: all, password: all}", 1)
	require.NoError(t, os.WriteFile(conf, []byte(with+more), 0o600))
	broker := process.NewBroker(t, natscli.BuildServer(t))
	broker.Conf = conf
	g.broker, g.url = process.Start(t, "nats-server", broker.Spec()), broker.URL()
	return g
}

// user is a mill whose commands are a user's.
func (g guard) user(name string, more ...string) *mill {
	return &mill{broker: g.url, as: &identity{dir: g.dir, name: name, more: more}}
}

// service starts a service as its own user and returns the address that it serves HTTP on.
func (g guard) service(t *testing.T, name string, args ...string) *url.URL {
	t.Helper()
	u, err := url.Parse(g.user(name).service(t, name, args...))
	require.NoError(t, err)
	return u
}

// front is one address for the intake and for the queries.
func front(t *testing.T, ingest, sink *url.URL) string {
	t.Helper()
	to := map[bool]*httputil.ReverseProxy{}
	for query, target := range map[bool]*url.URL{false: ingest, true: sink} {
		to[query] = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to[r.Method == http.MethodGet].ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestRights has every service, and the commands, work with no more rights than `fetchmill keys` gives them. What none of them may is
// tested in internal/keys.
func TestRights(t *testing.T) {
	g := newGuard(t, "", "--nats-allow", "svc.>", "--nats-allow", "run.*", "--object-bucket", "reports")
	require.Contains(t, g.user("setup").ok(t, "setup"), "created")
	m := g.user("operator")
	ingest := g.service(t, "ingest")
	g.service(t, "fetcher", append([]string{"--nats-allow", "svc.>", "--nats-allow", "run.*", "--object-bucket", "reports"}, local...)...)
	g.service(t, "fetcher", append([]string{"--nats-allow", "svc.>", "--nats-allow", "run.*", "--object-bucket", "reports"}, local...)...)
	g.service(t, "cruncher")
	people := newDesk(t)
	sink := g.service(t, "sink", "--db", filepath.Join(t.TempDir(), "results.db"), "--channels", people.file)
	m.http = front(t, ingest, sink)
	m.connect(t, "sink", "cruncher", "fetcher", "ingest")

	testUse(t, m)
	t.Run("notices", func(t *testing.T) { testNotices(t, m, people) })
	t.Run("status", func(t *testing.T) {
		status := m.ok(t, "status")
		for _, service := range []string{"ingest", "fetcher", "cruncher", "sink"} {
			require.Contains(t, status, "\n"+service)
		}
	})
	t.Run("modules", func(t *testing.T) {
		words := moduleFile(t, wasmtest.Build(t, "../../examples/wasm/words"))
		m.ok(t, "wasm", "put", "words", words)
		require.Contains(t, m.ok(t, "wasm", "ls"), "words")
		r, _ := m.ask(t, "words", "-p", "input=to be")
		require.Equal(t, events.StatusOK, r.Status, r.Error)
		m.ok(t, "wasm", "rm", "words")
	})
	t.Run("large bodies, and what is asked for only if it has changed", func(t *testing.T) { testKept(t, m) })
	t.Run("requests, and objects, on the broker", func(t *testing.T) { testReach(t, m, g) })
	t.Run("a client", func(t *testing.T) { testClient(t, g) })

	require.NotContains(t, g.broker.Stderr(), "Violation", "somebody has tried what he may not")
}

// testKept is about what fetchers keep on the broker.
func testKept(t *testing.T, m *mill) {
	var asked int
	s := newSite(t, map[string]http.HandlerFunc{
		"/large": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("word "), 300_000)) },
		"/same": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("If-None-Match") == `"1"` {
				asked++
				w.WriteHeader(http.StatusNotModified)
				return
			}
			w.Header().Set("ETag", `"1"`)
			_, _ = w.Write([]byte(`{"a":1}`))
		},
	})
	m.pub(t, "work.words", s.URL+"/large")
	r := m.result(t, "words", s.URL+"/large")
	require.Equal(t, events.StatusOK, r.Status, r.Error)
	require.NotNil(t, r.Fetch.Body, "the body was kept")
	for range 2 {
		m.ok(t, "run", "api", "-p", "url="+s.URL+"/same", "-p", "revalidate=true")
	}
	require.Positive(t, asked)
}

// testReach is about what fetchers may reach on the broker because the operator says so.
func testReach(t *testing.T, m *mill, g guard) {
	nc := process.Connect(t, g.url, g.all)
	_, err := nc.Subscribe("svc.echo", func(msg *nats.Msg) { _ = msg.Respond([]byte(`{"heard":true}`)) })
	require.NoError(t, err)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	store, err := js.CreateObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: "reports"})
	require.NoError(t, err)
	_, err = store.PutString(t.Context(), "a.txt", strings.Repeat("x", 1000))
	require.NoError(t, err)

	m.pub(t, "work.ask", "svc.echo")
	require.JSONEq(t, `{"heard":true}`, string(m.result(t, "ask", "svc.echo").Value))
	m.pub(t, "work.ask", `{"subject":"run.count","json":{"n":7}}`)
	require.Contains(t, string(m.result(t, "ask", "run.count").Value), `{"count":7}`)
	m.pub(t, "work.object", `{"name":"a.txt","bucket":"reports"}`)
	require.EqualValues(t, 1000, value(t, m.result(t, "object", "a.txt"))["bytes"])
}

// testClient is about somebody who may submit, ask and follow.
func testClient(t *testing.T, g guard) {
	m := g.user("client")
	m.ok(t, "submit", "noop", "one", "two", "--batch", "clients", "--wait")
	require.Len(t, lines[events.Result](t, m.ok(t, "results", "--batch", "clients", "-o", "ndjson")), 2)
	require.Contains(t, m.ok(t, "run", "count", "1000"), `"status": "ok"`)
	require.Contains(t, m.ok(t, "batch", "show", "clients"), "clients")
	follow := m.begin(t, "results", "--follow", "--since", "1h", "--batch", "clients", "-o", "ndjson")
	require.Eventually(t, func() bool { return strings.Count(follow.Stdout(), "\n") == 2 }, patience, tick)
	follow.Signal(os.Interrupt)
	follow.Wait()
	require.Contains(t, m.nats(t, "req", "--raw", "run.count", "5").stdout, `{"count":5}`)
	sub := process.Start(t, "nats sub", process.Spec{
		Path: natscli.Build(t), Args: []string{"--server", m.broker, "--inbox-prefix", m.as.inbox(t), "sub", "done.noop", "--count", "1"}, Env: m.as.env(),
	})
	sub.Find("Subscribing on done.noop")
	require.Eventually(t, func() bool {
		m.pub(t, "work.noop", "seen")
		select {
		case <-sub.Exited():
			return true
		default:
			return false
		}
	}, patience, tick)
}
