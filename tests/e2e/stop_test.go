package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// inProgress waits until workers have so many items of the normal lane in hand.
func (m *mill) inProgress(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		s, err := m.client.Status(t.Context())
		if err != nil {
			return false
		}
		for _, c := range s.Consumers {
			if c.Stream == "FETCH" && c.Name == string(events.LaneNormal) {
				return c.InProgress >= n
			}
		}
		return false
	}, patience, tick, "workers do not take the items")
}

// ready tells whether a mill takes work.
func (m *mill) ready(t *testing.T) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.http+"/readyz", http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
}

func TestStop(t *testing.T) {
	t.Run("Ctrl-C finishes what is under way", func(t *testing.T) {
		dir := t.TempDir()
		m := up(t, dir)
		m.pub(t, "work.sleep", "10") // until it is seen under way; and less than the drain time
		m.inProgress(t, 1)
		m.stop(t)
		m = up(t, dir)
		r := m.result(t, "sleep", "10")
		require.Equal(t, []any{events.StatusOK, 1}, []any{r.Status, r.Attempts})
	})
	t.Run("a second Ctrl-C hurries, and what it cuts short is done after the next start", func(t *testing.T) {
		dir := t.TempDir()
		m := up(t, dir, "--drain", "1h")
		m.ok(t, "submit", "sleep", "1000", "--batch", "long")
		m.inProgress(t, 1)
		m.process.Signal(syscall.SIGINT)
		require.Eventually(t, func() bool { return !m.ready(t) }, patience, tick, "the first one is not heeded")
		m.process.Signal(syscall.SIGINT)
		require.Zero(t, m.process.Wait(), m.process.Stderr())
		m = up(t, dir)
		m.inProgress(t, 1)
		m.ok(t, "batch", "cancel", "long")
		require.EqualValues(t, 1, m.batch(t, "long").Cancelled)
	})
	t.Run("SIGTERM under load: what was finished is not done again, and all is done in the end", func(t *testing.T) {
		const n, drain = 4000, 50 * time.Second
		s := newSite(t, nil)
		urls := make([]string, n)
		for i := range urls {
			urls[i] = fmt.Sprintf("%s/slow/%d?ms=20", s.URL, i)
		}
		file := filepath.Join(t.TempDir(), "urls.txt")
		require.NoError(t, os.WriteFile(file, []byte(strings.Join(urls, "\n")), 0o600))
		dir := t.TempDir()
		args := append([]string{"--fetchers", "32", "--drain", drain.String()}, local...)
		m := up(t, dir, args...)
		m.ok(t, "submit", "page", "-f", file, "--batch", "load")
		for s.requests() < n/10 {
			<-s.news
		}
		began := time.Now()
		m.process.Signal(syscall.SIGTERM)
		require.Zero(t, m.process.Wait(), m.process.Stderr())
		took := time.Since(began)
		require.Less(t, took, drain)
		first := s.requests()
		require.Less(t, first, n, "it ended only after all was done; that is no test")

		m = up(t, dir, args...)
		b := m.batch(t, "load")
		require.EqualValues(t, n, b.OK)
		for i := range n {
			require.Len(t, s.times(fmt.Sprintf("/slow/%d", i)), 1, "page %d", i)
		}
		t.Logf("SIGTERM after %d of %d pages; it ended after %s", first, n, took.Round(time.Millisecond))
	})
}
