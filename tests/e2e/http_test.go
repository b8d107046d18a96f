package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// call makes an HTTP request; headers come in pairs.
func (m *mill) call(t *testing.T, method, path, body string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, m.http+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, data
}

func testHTTP(t *testing.T, m *mill) {
	many := func(t *testing.T, path, contentType, body string, headers ...string) map[string]any {
		t.Helper()
		resp, data := m.call(t, http.MethodPost, path, body, append(headers, "Content-Type", contentType)...)
		require.Equal(t, http.StatusOK, resp.StatusCode, string(data))
		var answer map[string]any
		require.NoError(t, json.Unmarshal(data, &answer))
		return answer
	}
	t.Run("one item", func(t *testing.T) {
		resp, data := m.call(t, http.MethodPost, "/v1/work/noop", "one over http")
		require.Equal(t, http.StatusAccepted, resp.StatusCode, string(data))
		var accepted struct{ ID string }
		require.NoError(t, json.Unmarshal(data, &accepted))
		require.Equal(t, accepted.ID, m.result(t, "noop", "one over http").ID)
	})
	t.Run("an idempotency key makes one item of two", func(t *testing.T) {
		ids := map[string]bool{}
		for range 2 {
			resp, data := m.call(t, http.MethodPost, "/v1/work/noop", "keyed", "Idempotency-Key", "http-key-1")
			require.Equal(t, http.StatusAccepted, resp.StatusCode, string(data))
			var accepted struct{ ID string }
			require.NoError(t, json.Unmarshal(data, &accepted))
			ids[accepted.ID] = true
		}
		require.Len(t, ids, 1)
		m.idle(t)
		m.result(t, "noop", "keyed")
	})
	for name, c := range map[string]struct{ path, contentType, body string }{
		"ndjson": {"/v1/work/noop", "application/x-ndjson", `{"key":"ndjson 0"}` + "\n" + `{"key":"ndjson 1"}` + "\n" + `{"kee":1}`},
		"csv":    {"/v1/work/noop", "text/csv", "key\ncsv 0\ncsv 1\n\"csv \"2\n"},
		"lines":  {"/v1/work/noop?lines", "text/plain", "lines 0\nlines 1\n\xff\n"},
	} {
		t.Run("many items as "+name+", in a batch that is closed", func(t *testing.T) {
			answer := many(t, c.path, c.contentType, c.body, "Batch", "http-"+name)
			require.EqualValues(t, 2, answer["accepted"], answer)
			require.EqualValues(t, 1, answer["rejected_total"], answer)
			resp, data := m.call(t, http.MethodPost, "/v1/batches/http-"+name+"/close?total=2", "")
			require.Equal(t, http.StatusAccepted, resp.StatusCode, string(data))
			b := m.batch(t, "http-"+name)
			require.Equal(t, []any{events.BatchStateDone, int64(2)}, []any{b.State, b.OK})
			for i, r := range m.results(t, events.ResultQuery{Batch: "http-" + name, Order: events.OrderIndex}) {
				require.Equal(t, fmt.Sprintf("%s %d", name, i), r.Key)
			}
		})
	}
	t.Run("a batch is cancelled", func(t *testing.T) {
		many(t, "/v1/work/sleep?lines", "text/plain", "3600\n3600\n", "Batch", "http-cancelled")
		resp, data := m.call(t, http.MethodPost, "/v1/batches/http-cancelled/close?total=2", "")
		require.Equal(t, http.StatusAccepted, resp.StatusCode, string(data))
		resp, data = m.call(t, http.MethodPost, "/v1/batches/http-cancelled/cancel", "")
		require.Equal(t, http.StatusAccepted, resp.StatusCode, string(data))
		require.EqualValues(t, 2, m.batch(t, "http-cancelled").Cancelled)
	})
	t.Run("results are read page by page and as lines", func(t *testing.T) {
		resp, data := m.call(t, http.MethodGet, "/v1/results?batch=http-csv&limit=1", "")
		require.Equal(t, http.StatusOK, resp.StatusCode, string(data))
		var page events.ResultPage
		require.NoError(t, json.Unmarshal(data, &page))
		require.Len(t, page.Results, 1)
		require.NotEmpty(t, page.Next)
		_, data = m.call(t, http.MethodGet, "/v1/results?batch=http-csv", "", "Accept", "application/x-ndjson")
		require.Len(t, lines[events.Result](t, string(data)), 2)
	})
	for _, bad := range []struct {
		name, path, body string
		status           int
		reason           events.Reason
	}{
		{"an unknown recipe", "/v1/work/nosuch", "x", 404, events.ReasonUnknownRecipe},
		{"a missing parameter", "/v1/work/count", "{}", 400, events.ReasonMissingParameter},
		{"a malformed body", "/v1/work/count", `{"n": 5`, 400, events.ReasonBadInput},
		{"an invalid parameter", "/v1/work/count", "many", 400, events.ReasonInvalidParameter},
	} {
		t.Run(bad.name+" is answered with a problem", func(t *testing.T) {
			resp, data := m.call(t, http.MethodPost, bad.path, bad.body)
			require.Equal(t, bad.status, resp.StatusCode)
			require.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
			var p events.Problem
			require.NoError(t, json.Unmarshal(data, &p))
			require.Equal(t, []any{bad.status, bad.reason}, []any{p.Status, p.Reason})
			require.NotEmpty(t, p.Title)
			require.NotEmpty(t, p.Detail)
		})
	}
	t.Run("health and metrics", func(t *testing.T) {
		require.Eventually(t, func() bool {
			resp, _ := m.call(t, http.MethodGet, "/readyz", "")
			return resp.StatusCode == http.StatusOK
		}, time.Minute, 10*time.Millisecond)
		for _, path := range []string{"/healthz", "/metrics"} {
			resp, data := m.call(t, http.MethodGet, path, "")
			require.Equal(t, http.StatusOK, resp.StatusCode, string(data))
		}
		_, data := m.call(t, http.MethodGet, "/metrics", "")
		require.Contains(t, string(data), `fetchmill_stage_messages_total{outcome="done",stage="sink"}`)
	})
}
