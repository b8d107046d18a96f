package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/tests/internal/natscli"
	"github.com/fetchmill/fetchmill/tests/internal/process"
)

// TestSlowestFirst starts one service after the other, so that all of a batch is in the queue before anybody takes from it: the order
// is then that of the queue, however long anything takes.
func TestSlowestFirst(t *testing.T) {
	broker := process.NewBroker(t, natscli.BuildServer(t))
	process.Start(t, "nats-server", broker.Spec())
	m := &mill{broker: broker.URL()}
	m.ok(t, "setup")
	m.http = m.service(t, "ingest")

	costs := []string{"1", "20", "300", "4000", "50000", "600000"}
	resp, data := m.call(t, http.MethodPost, "/v1/work/increment", strings.Join(costs, "\n")+"\n", "Content-Type", "application/x-ndjson", "Batch", "queued")
	require.Equal(t, http.StatusOK, resp.StatusCode, string(data))
	js, err := jetstream.New(process.Connect(t, m.broker))
	require.NoError(t, err)
	queue := func(name string) jetstream.Stream {
		var s jetstream.Stream
		require.Eventually(t, func() bool {
			var err error
			s, err = js.Stream(t.Context(), name)
			return err == nil && s.CachedInfo().State.Msgs == uint64(len(costs))
		}, patience, tick, "not all items are in %s", name)
		return s
	}
	queue("CRUNCH")

	m.service(t, "cruncher", "-c", "1")
	stream := queue("RESULTS") // nobody takes from there yet
	results := make([]*events.Result, len(costs))
	for i := range results {
		msg, err := stream.GetMsg(t.Context(), stream.CachedInfo().State.FirstSeq+uint64(i))
		require.NoError(t, err)
		results[i], err = events.DecodeResult(msg.Data)
		require.NoError(t, err)
	}
	// A worker is free for the next item before the result of the last one is on its way, so the stream has not always the order in which they ended.
	slices.SortFunc(results, func(a, b *events.Result) int { return a.Finished.Compare(b.Finished) })
	for i, r := range results {
		place := len(costs) - 1 - i
		require.Equal(t, costs[place], r.Key, "the slowest of those that are left ends next")
		require.EqualValues(t, place, r.Index, "its place in the input")
	}

	m.service(t, "sink", "--db", filepath.Join(t.TempDir(), "results.db"))
	m.connect(t, "sink")
	out := m.ok(t, append([]string{"submit", "increment", "--wait", "--ordered", "-o", "ndjson"}, costs...)...)
	var keys []string
	for _, r := range lines[events.Result](t, out) {
		require.JSONEq(t, fmt.Sprintf(`{"value":%s}`, r.Key), string(r.Value))
		keys = append(keys, r.Key)
	}
	require.Equal(t, costs, keys, "--ordered gives the order of the input")
}
