package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// splitValue is the value of an item that was split, as far as tests look at it.
type splitValue struct {
	Batch     string
	Parts, OK int64
}

func TestSplit(t *testing.T) {
	m := up(t, t.TempDir(), local...)

	t.Run("an item that is split ends when all its parts have, which add up to it", func(t *testing.T) {
		const n = 10_000_003
		out := m.ok(t, "submit", "count-to", fmt.Sprint(n), "--batch", "one", "--wait", "--timeout", "1m", "-o", "json")
		var results []events.Result
		require.NoError(t, json.Unmarshal([]byte(out), &results))
		require.Len(t, results, 1, "one item, one answer")
		require.Equal(t, []any{events.StatusOK, "one", fmt.Sprint(n)}, []any{results[0].Status, results[0].Batch, results[0].Key})
		var v splitValue
		require.NoError(t, json.Unmarshal(results[0].Value, &v))
		require.Equal(t, splitValue{results[0].ID, 64, 64}, v)

		b, err := m.client.Batch(t.Context(), v.Batch)
		require.NoError(t, err)
		require.Equal(t, []any{events.BatchStateDone, int64(64), int64(64)}, []any{b.State, b.Total, b.OK})
		var sum int64
		for i, r := range m.results(t, events.ResultQuery{Batch: v.Batch, Order: events.OrderIndex}) {
			require.EqualValues(t, i, r.Index)
			var part struct{ Count int64 }
			require.NoError(t, json.Unmarshal(r.Value, &part))
			sum += part.Count
		}
		require.EqualValues(t, n, sum)
	})

	t.Run("the same item again is the same parts again", func(t *testing.T) {
		for range 2 {
			m.pub(t, "work.count-to", "--header", "Nats-Msg-Id:again", "77")
		}
		id := events.IDFromKey("again")
		m.result(t, "count-to", "77")
		m.idle(t)
		require.Len(t, m.results(t, events.ResultQuery{Batch: id}), 64)
		require.Len(t, m.results(t, events.ResultQuery{ID: id}), 1)
	})

	t.Run("who asks for it gets the answer", func(t *testing.T) {
		r, err := m.client.Run(t.Context(), "count-to", client.Item{Params: json.RawMessage(`{"n":100,"chunks":7}`)})
		require.NoError(t, err)
		require.Equal(t, events.StatusOK, r.Status)
		require.Contains(t, string(r.Value), `"parts":7`)
	})

	t.Run("cancelling its batch ends its parts, and it", func(t *testing.T) {
		m.ok(t, "submit", "count-to", "1000000000000000", "--batch", "endless")
		m.ok(t, "batch", "cancel", "endless")
		require.Equal(t, 2, m.run(t, "batch", "wait", "endless", "--timeout", "1m").status)
		list := m.results(t, events.ResultQuery{Batch: "endless"})
		require.Len(t, list, 1)
		require.Equal(t, events.StatusCancelled, list[0].Status)
		for _, r := range m.results(t, events.ResultQuery{Batch: list[0].ID}) {
			require.Equal(t, events.ReasonCancelled, r.Reason)
		}
	})

	t.Run("one whose parts fail fails for their reason", func(t *testing.T) {
		require.Equal(t, 2, m.run(t, "submit", "count-to", "1000000000000000", "--batch", "late", "--deadline", "100ms", "--wait", "--timeout", "1m").status)
		list := m.results(t, events.ResultQuery{Batch: "late"})
		require.Len(t, list, 1)
		require.Equal(t, []any{events.StatusFailed, events.ReasonDeadline}, []any{list[0].Status, list[0].Reason})
		require.Contains(t, list[0].Error, "64 of 64 parts failed")
	})
}

func TestSplitFile(t *testing.T) {
	dir := t.TempDir()
	var lines []byte
	for i := range 100_000 {
		lines = fmt.Appendf(lines, "%d a line\n", i)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "large.txt"), lines, 0o600))
	m := up(t, t.TempDir(), "--read-root", "in="+dir)
	m.ok(t, "submit", "file-stats", "large.txt", "--batch", "file", "--wait", "--timeout", "1m")
	whole := m.results(t, events.ResultQuery{Batch: "file"})[0]
	var sum int64
	for _, r := range m.results(t, events.ResultQuery{Batch: whole.ID, Order: events.OrderIndex}) {
		var part struct{ Lines int64 }
		require.NoError(t, json.Unmarshal(r.Value, &part))
		require.Positive(t, part.Lines)
		sum += part.Lines
	}
	require.EqualValues(t, 100_000, sum)
	var value struct {
		Reduced []struct {
			Name  string
			Value int64
		}
	}
	require.NoError(t, json.Unmarshal(whole.Value, &value))
	totals := map[string]int64{}
	for _, r := range value.Reduced {
		totals[r.Name] = r.Value
	}
	require.Equal(t, map[string]int64{
		"lines": 100_000, "words": 300_000, "characters": int64(len(lines)), "longest_line": int64(len("99999 a line")),
	}, totals)
	status, err := m.client.Status(t.Context())
	require.NoError(t, err)
	for _, s := range status.Streams {
		require.Less(t, s.Bytes, uint64(len(lines)/2), "no byte of the file goes through the broker: %s", s.Name)
	}
	require.Equal(t, 2, m.run(t, "submit", "file-stats", "../secret", "--batch", "out", "--wait", "--timeout", "1m").status)
	require.Equal(t, events.ReasonForbiddenTarget, m.results(t, events.ResultQuery{Batch: "out"})[0].Reason)
}
