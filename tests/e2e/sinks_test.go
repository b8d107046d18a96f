//go:build external

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/databasetest"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/tests/internal/natscli"
	"github.com/fetchmill/fetchmill/tests/internal/process"
)

// TestSinksShareADatabase kills one of two sinks on a PostgreSQL while both are at work: the other one does the rest.
func TestSinksShareADatabase(t *testing.T) {
	server, err := databasetest.StartPostgres(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	url, err := server.NewPostgresDatabase(t.Context())
	require.NoError(t, err)
	// The server asks nobody for a password, but who sends one must not find it anywhere.
	url = strings.Replace(url, "postgres@", "postgres:hunter2@", 1)

	broker := process.NewBroker(t, natscli.BuildServer(t))
	process.Start(t, "nats-server", broker.Spec())
	m := &mill{broker: broker.URL()}
	m.ok(t, "setup", "--ack-wait", "2s", "--duplicate-window", "1s")
	var sinks []*process.Process
	for range 2 { // at the same time, so that they also meet at the migrations
		sinks = append(sinks, process.Start(t, "sink", process.Spec{
			Path: fetchmill, Args: []string{"sink", "--nats", m.broker, "--http-addr", "127.0.0.1:0", "--log-level", "debug"}, Env: []string{"FETCHMILL_DB=" + url},
		}))
	}
	m.service(t, "ingest")
	m.service(t, "fetcher")
	m.service(t, "cruncher")
	m.connect(t, "ingest", "sink")

	m.ok(t, "submit", "noop", "first", "--batch", "early", "--wait")
	for _, sink := range sinks {
		api := &mill{http: sink.Find(`(?m)^ *http +(http://\S+)`)}
		resp, body := api.call(t, http.MethodGet, "/v1/batches/early", "")
		require.Equal(t, http.StatusOK, resp.StatusCode, string(body))
	}

	const n = 20_000
	var keys strings.Builder
	for i := range n {
		fmt.Fprintln(&keys, "item", i)
	}
	submit := process.Start(t, "fetchmill submit", process.Spec{
		Path: fetchmill, Args: []string{"submit", "noop", "-f", "-", "--batch", "shared", "--wait", "--nats", m.broker}, In: keys.String(),
	})
	require.Eventually(t, func() bool { return m.count(t, "shared") > n/4 }, patience, tick)
	require.Less(t, m.count(t, "shared"), int64(n), "all has ended before the kill: there is nothing left to take over")
	sinks[0].Kill()

	require.Zero(t, submit.Wait(), submit.Stderr())
	m.idle(t)
	b := m.batch(t, "shared")
	require.Equal(t, events.BatchStateDone, b.State)
	require.EqualValues(t, n, b.OK)
	require.EqualValues(t, 1+n, m.count(t, ""))
	seen := map[string]bool{}
	for _, r := range m.results(t, events.ResultQuery{Batch: "shared"}) {
		require.False(t, seen[r.ID])
		seen[r.ID] = true
	}
	require.Len(t, seen, n)
	m.ok(t, "run", "noop", "afterwards")

	for _, sink := range sinks {
		require.NotContains(t, sink.Stdout()+sink.Stderr(), "hunter2")
		require.Regexp(t, `(?m)^ *sink +database postgres /\S+/d1$`, sink.Stderr())
	}
}

// count tells how many results there are, of a batch or of all.
func (m *mill) count(t *testing.T, batch string) (n int64) {
	t.Helper()
	list, err := m.client.Counts(t.Context(), events.CountQuery{Batch: batch})
	require.NoError(t, err)
	for _, c := range list {
		n += c.Count
	}
	return n
}
