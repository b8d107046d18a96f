package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/tests/internal/natscli"
	"github.com/fetchmill/fetchmill/tests/internal/process"
)

// service starts one service as a process of its own, and returns the address of its HTTP API.
func (m *mill) service(t *testing.T, name string, args ...string) string {
	t.Helper()
	p := m.begin(t, append([]string{name, "--http-addr", "127.0.0.1:0"}, args...)...)
	return p.Find(`(?m)^ *http +(http://\S+)`)
}

// TestProcesses is about each service as its own process on a real nats-server with small streams.
func TestProcesses(t *testing.T) {
	broker := process.NewBroker(t, natscli.BuildServer(t))
	process.Start(t, "nats-server", broker.Spec())
	m := &mill{broker: broker.URL()}

	t.Run("a service says what to do when the streams are missing", func(t *testing.T) {
		r := m.run(t, "ingest", "--http-addr", "127.0.0.1:0")
		require.Equal(t, 1, r.status)
		require.Contains(t, r.stderr, "fetchmill setup")
	})
	t.Run("setup makes everything, and the second time nothing", func(t *testing.T) {
		require.Contains(t, m.ok(t, "setup", "--max-bytes", "1048576"), "created")
		again := m.ok(t, "setup", "--max-bytes", "1048576", "-o", "ndjson")
		for _, change := range lines[struct{ Name, Action string }](t, again) {
			require.Equal(t, "unchanged", change.Action, change.Name)
		}
	})
	m.http = m.service(t, "ingest")
	queries := m.service(t, "sink", "--db", filepath.Join(t.TempDir(), "results.db"))
	m.connect(t, "ingest", "sink")

	t.Run("a full stream refuses, and nothing is dropped", func(sub *testing.T) {
		testFull(sub, m, func() {
			m.service(t, "fetcher", append([]string{"-c", "64"}, local...)...)
			m.service(t, "cruncher")
		})
	})

	t.Run("the services do all of it, and each tells its health", func(t *testing.T) {
		s := newSite(t, nil)
		m.pub(t, "work.page", s.URL+"/fast/1")
		require.Equal(t, events.StatusOK, m.result(t, "page", s.URL+"/fast/1").Status)
		for _, path := range []string{"/healthz", "/readyz", "/metrics", "/v1/results?recipe=page"} {
			resp, data := (&mill{http: queries}).call(t, http.MethodGet, path, "")
			require.Equal(t, http.StatusOK, resp.StatusCode, string(data))
		}
	})
}

// testFull submits more than the streams can hold while nobody works, and then starts the workers.
func testFull(t *testing.T, m *mill, startWorkers func()) {
	const n = 12_000
	var keys strings.Builder
	for i := range n {
		fmt.Fprintf(&keys, "item %d with some text, so that the streams are full soon %s\n", i, strings.Repeat(".", 100))
	}
	submit := process.Start(t, "fetchmill submit", process.Spec{
		Path: fetchmill, Args: []string{"submit", "noop", "-f", "-", "--batch", "full", "--wait", "--nats", m.broker}, In: keys.String(),
	})
	submit.Find("the work stream is full: (slowing down)")

	t.Run("HTTP answers 503 and when to come again", func(t *testing.T) {
		resp, data := m.call(t, http.MethodPost, "/v1/work/noop", "x")
		for end := time.Now().Add(patience); resp.StatusCode == http.StatusAccepted && time.Now().Before(end); { // ingest fills the next stream yet
			resp, data = m.call(t, http.MethodPost, "/v1/work/noop", "x")
		}
		require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, string(data))
		require.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
		require.NotEmpty(t, resp.Header.Get("Retry-After"))
	})
	t.Run("a request gets a clear error", func(t *testing.T) {
		r := m.run(t, "run", "noop", "x")
		require.Equal(t, 1, r.status)
		require.Contains(t, r.stderr, "the stream is full")
		require.Contains(t, m.nats(t, "req", "run.noop", "x").both(), "Nats-Service-Error-Code: 503")
	})
	t.Run("nats pub --jetstream sees the refusal", func(t *testing.T) {
		require.Eventually(t, func() bool { // ingest may have taken some
			r := m.nats(t, "pub", "--jetstream", "work.noop", strings.Repeat("x", 100_000))
			return r.status != 0 && strings.Contains(r.both(), "maximum bytes exceeded")
		}, patience, tick)
	})

	startWorkers()
	require.Zero(t, submit.Wait(), submit.Stderr())
	require.Contains(t, submit.Stderr(), fmt.Sprintf("batch full is done: %d items, %d ok", n, n))
	m.idle(t)
	seen := map[int64]bool{}
	for r, err := range m.client.Results(t.Context(), events.ResultQuery{Batch: "full"}) {
		require.NoError(t, err)
		require.False(t, seen[r.Index])
		seen[r.Index] = true
	}
	require.Len(t, seen, n)
}
