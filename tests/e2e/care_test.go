package e2e

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func testDead(t *testing.T, m *mill) {
	s := newSite(t, nil)
	for _, page := range []string{"/missing/1", "/missing/2"} {
		m.pub(t, "work.json", s.URL+page)
		m.result(t, "json", s.URL+page)
	}
	list := lines[client.DeadLetter](t, m.ok(t, "dead", "ls", "--stage", "fetch", "--recipe", "json", "-o", "ndjson"))
	require.Len(t, list, 2)
	require.Equal(t, []any{events.ReasonHTTPStatus, s.URL + "/missing/1"}, []any{list[0].Reason, list[0].Key})
	require.Contains(t, m.ok(t, "dead", "ls"), "http_status")

	var shown struct{ Data, Item string }
	require.NoError(t, json.Unmarshal([]byte(m.ok(t, "dead", "show", fmt.Sprint(list[0].Seq))), &shown))
	require.Equal(t, list[0].Item, shown.Item)
	require.Contains(t, shown.Data, "/missing/1")

	t.Run("are replayed as new items", func(t *testing.T) {
		m.ok(t, "dead", "replay", fmt.Sprint(list[0].Seq))
		require.Eventually(t, func() bool { return len(s.times("/missing/1")) == 2 }, patience, tick)
		m.idle(t)
		left := deadOf(t, m, "json")
		require.NotContains(t, seqs(left), list[0].Seq)
		require.Equal(t, s.URL+"/missing/1", left[len(left)-1].Key)
		require.NotEqual(t, list[0].Item, left[len(left)-1].Item)
	})
	t.Run("are removed", func(t *testing.T) {
		m.ok(t, "dead", "rm", "--all", "--stage", "fetch", "--recipe", "json")
		require.Empty(t, m.ok(t, "dead", "ls", "--stage", "fetch", "--recipe", "json", "-o", "ndjson"))
		require.Equal(t, 1, m.run(t, "dead", "show", fmt.Sprint(list[1].Seq)).status)
	})
}

func deadOf(t *testing.T, m *mill, recipe string) []client.DeadLetter {
	t.Helper()
	return lines[client.DeadLetter](t, m.ok(t, "dead", "ls", "--recipe", recipe, "-o", "ndjson"))
}

func seqs(list []client.DeadLetter) []uint64 {
	var all []uint64
	for _, d := range list {
		all = append(all, d.Seq)
	}
	return all
}

func testResults(t *testing.T, m *mill) {
	t.Run("in all formats", func(t *testing.T) {
		m.ok(t, "submit", "noop", "a", "b", "c", "--batch", "formats", "--wait")
		args := []string{"results", "--batch", "formats", "--ordered", "-o"}
		require.Len(t, lines[events.Result](t, m.ok(t, append(args, "ndjson")...)), 3)
		var list []events.Result
		require.NoError(t, json.Unmarshal([]byte(m.ok(t, append(args, "json")...)), &list))
		require.Equal(t, []string{"a", "b", "c"}, []string{list[0].Key, list[1].Key, list[2].Key})
		table, err := csv.NewReader(strings.NewReader(m.ok(t, append(args, "csv")...))).ReadAll()
		require.NoError(t, err)
		require.Len(t, table, 4)
		require.Len(t, strings.Split(strings.TrimSpace(m.ok(t, append(args, "table")...)), "\n"), 4)
	})
	t.Run("as they come", func(t *testing.T) {
		m.ok(t, "submit", "noop", "before", "--batch", "followed", "--wait")
		follow := m.begin(t, "results", "--follow", "--since", "1h", "--batch", "followed", "-o", "ndjson")
		require.Eventually(t, func() bool { return strings.Count(follow.Stdout(), "\n") == 1 }, patience, tick)
		m.pub(t, "work.noop", "after", "-H", "batch:followed", "-H", "index:1")
		require.Eventually(t, func() bool { return strings.Count(follow.Stdout(), "\n") == 2 }, patience, tick)
		follow.Signal(syscall.SIGINT)
		follow.Wait()
		got := lines[events.Result](t, follow.Stdout())
		require.Equal(t, []string{"before", "after"}, []string{got[0].Key, got[1].Key})
	})
}

func testStatus(t *testing.T, m *mill) {
	var status client.Status
	require.Eventually(t, func() bool { // who is late with the answer is left out
		status = client.Status{}
		return json.Unmarshal([]byte(m.ok(t, "status", "-o", "json")), &status) == nil && len(status.Services) == 4
	}, patience, tick)
	require.Equal(t, m.broker, status.Broker.URL)
	require.Len(t, status.Streams, len(client.Streams()))
	require.Empty(t, status.Missing)
	names := map[string]int{}
	for _, s := range status.Services {
		names[s.Name]++
		require.NotNil(t, s.Load, s.Name)
		require.Positive(t, s.Load.Limit, s.Name)
	}
	require.Equal(t, map[string]int{"ingest": 1, "fetcher": 1, "cruncher": 1, "sink": 1}, names)
	require.Contains(t, m.ok(t, "status"), "FETCH/normal")
	require.Regexp(t, `cruncher .*\d+ \(all of [\d.]+ CPUs\)`, m.ok(t, "status"))
	require.Regexp(t, `\d+ items? at a time \(all of [\d.]+ CPUs\)|one item at a time \(all of `, m.process.Find(`(?m)^ *cruncher +(.*)$`))
}

func testHosts(t *testing.T, m *mill) {
	gone := newSite(t, nil)
	address := strings.TrimPrefix(gone.URL, "http://")
	gone.Close()
	for i := range 10 {
		m.ok(t, "submit", "page", fmt.Sprint(gone.URL, "/", i))
	}
	require.Eventually(t, func() bool {
		status, err := m.client.Status(t.Context())
		require.NoError(t, err)
		for _, s := range status.Services {
			if s.Load == nil {
				continue
			}
			for _, h := range s.Load.Hosts {
				if h.Host == address && h.State == events.HostBroken {
					require.GreaterOrEqual(t, h.Failures, 5)
					require.NotEmpty(t, h.Last)
					return true
				}
			}
		}
		return false
	}, patience, tick, "status lists a host that does not answer")
	require.Regexp(t, `(?m)^`+address+` +broken `, m.ok(t, "status"))
}
