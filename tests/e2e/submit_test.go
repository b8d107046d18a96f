package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func testSubmit(t *testing.T, m *mill) {
	const n, missing, failing = 10_000, 100, 20 // every so many-th page
	s := newSite(t, nil)
	urls := make([]string, n)
	var wantMissing, wantFailing int
	for i := range urls {
		kind := "fast"
		switch {
		case i%(n/failing) == 7:
			kind = "fail"
			wantFailing++
		case i%(n/missing) == 5:
			kind = "missing"
			wantMissing++
		}
		urls[i] = fmt.Sprintf("%s/%s/%d", s.URL, kind, i)
	}
	file := filepath.Join(t.TempDir(), "urls.txt")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(urls, "\n")+"\n"), 0o600))
	bad := wantMissing + wantFailing

	t.Run("ends, the exit status says that some failed, the table counts by outcome", func(t *testing.T) {
		r := m.run(t, "submit", "page", "-f", file, "--batch", "b1", "--wait")
		require.Equal(t, 2, r.status, r.stderr)
		require.Regexp(t, fmt.Sprintf(`(?m)^ok +%d *$`, n-bad), r.stdout)
		require.Regexp(t, fmt.Sprintf(`(?m)^failed +http_status +%d *$`, bad), r.stdout)
		require.Contains(t, r.stderr, fmt.Sprintf("batch b1 is done: %d items, %d ok, %d failed, 0 cancelled", n, n-bad, bad))
		require.NotContains(t, r.both(), "\r", "no progress bar without a terminal")
	})
	t.Run("the same again goes on where it stopped, and counts nothing twice; --ordered gives the order of the input", func(t *testing.T) {
		before := s.requests()
		r := m.run(t, "submit", "page", "-f", file, "--batch", "b1", "--wait", "--ordered", "-o", "ndjson")
		require.Equal(t, 2, r.status, r.stderr)
		results := lines[events.Result](t, r.stdout)
		require.Len(t, results, n)
		for i, got := range results {
			require.EqualValues(t, i, got.Index)
			require.Equal(t, urls[i], got.Key)
		}
		require.Contains(t, r.stderr, fmt.Sprintf("%d items, %d ok, %d failed", n, n-bad, bad))
		t.Logf("%d requests to the site at first, %d for the repetition", before, s.requests()-before)
	})
	t.Run("the batch is among the batches", func(t *testing.T) {
		require.Contains(t, m.ok(t, "batch", "ls"), "b1 ")
		require.Contains(t, m.ok(t, "batch", "show", "b1"), "http_status")
	})
}
