package e2e

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// busy answers once that it is busy, for so long, and then with a page.
func busy(retryAfter string) http.HandlerFunc {
	var asked atomic.Int64
	return func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			w.Header().Set("Retry-After", retryAfter)
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
}

func testRetries(t *testing.T, m *mill) {
	s := newSite(t, map[string]http.HandlerFunc{"/second": busy("1"), "/hour": busy("3600")})

	t.Run("a site that answers 503 twice and then 200 ends ok after three attempts", func(t *testing.T) {
		m.pub(t, "work.page", s.URL+"/flaky/1")
		r := m.result(t, "page", s.URL+"/flaky/1")
		require.Equal(t, []any{events.StatusOK, 3}, []any{r.Status, r.Attempts}, r.Error)
	})
	t.Run("a site that always fails is given up after the recipe's attempts", func(t *testing.T) {
		m.pub(t, "work.page", s.URL+"/fail/1")
		r := m.result(t, "page", s.URL+"/fail/1")
		require.Equal(t, []any{events.StatusFailed, events.ReasonHTTPStatus, 5}, []any{r.Status, r.Reason, r.Attempts})
		require.Len(t, s.times("/fail/1"), 5)
	})
	t.Run("Retry-After is honoured, and capped", func(t *testing.T) {
		for _, path := range []string{"/second", "/hour"} { // an hour is more than --retry-most, a second
			m.pub(t, "work.page", s.URL+path)
			r := m.result(t, "page", s.URL+path)
			require.Equal(t, []any{events.StatusOK, 2}, []any{r.Status, r.Attempts}, r.Error)
			times := s.times(path)
			require.Len(t, times, 2)
			require.GreaterOrEqual(t, times[1].Sub(times[0]), 990*time.Millisecond, path)
		}
	})
}

func testCancel(t *testing.T, m *mill) {
	m.ok(t, "submit", "sleep", "3600", "3600", "3600", "--batch", "endless")
	r := m.ok(t, "batch", "cancel", "endless")
	require.Empty(t, r)
	waited := m.run(t, "batch", "wait", "endless", "-o", "ndjson")
	require.Equal(t, 2, waited.status, waited.stderr)
	ended := lines[events.Result](t, waited.stdout)
	require.Len(t, ended, 3)
	for _, r := range ended {
		require.Equal(t, []any{events.StatusCancelled, events.ReasonCancelled}, []any{r.Status, r.Reason})
	}
	require.Contains(t, m.ok(t, "batch", "show", "endless", "-o", "json"), `"cancelled": 3`)
}
