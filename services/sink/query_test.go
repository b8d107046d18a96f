package sink

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// library is a Query on 2,500 results of the batch b1, every tenth failed, and its HTTP server.
func library(t testing.TB) (*Query, string) {
	t.Helper()
	db := openDB(t)
	var entries []store.Entry
	for i := range 2500 {
		r := result(fmt.Sprintf("i%04d", i), "b1")
		r.Index = int64(i)
		if i%10 == 0 {
			r.Status, r.Reason = events.StatusFailed, events.ReasonDNS
		}
		entries = append(entries, store.Entry{Result: r})
	}
	_, err := db.Commit(context.Background(), entries)
	require.NoError(t, err)
	return serve(t, db)
}

// serve answers queries about a database.
func serve(t testing.TB, db *store.DB) (*Query, string) {
	t.Helper()
	q := NewQuery(db, slog.New(slog.DiscardHandler))
	mux := http.NewServeMux()
	q.Register(mux)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return q, srv.URL
}

func TestAnswer(t *testing.T) {
	q, _ := library(t)
	for name, tc := range map[string]struct {
		subject, request string
		response         string // JSON, or nothing
		status           int    // of the problem
		says             string
	}{
		"counts":                        {events.SubjectQueryCounts, ``, `{"counts":[{"recipe":"page","status":"failed","reason":"dns","count":250},{"recipe":"page","status":"ok","count":2250}]}`, 0, ""},
		"counts of an unknown batch":    {events.SubjectQueryCounts, `{"batch":"b9"}`, `{"counts":[]}`, 0, ""},
		"results of an unknown batch":   {events.SubjectQueryResults, `{"batch":"b9"}`, `{"results":[]}`, 0, ""},
		"batches of an unknown name":    {events.SubjectQueryBatches, `{"batch":"b9"}`, `{"batches":[]}`, 0, ""},
		"an unknown subject":            {"query.weather", ``, ``, 404, "use query.results"},
		"an unknown field":              {events.SubjectQueryResults, `{"state":"ok"}`, ``, 400, "use id, batch, recipe, status, reason, host, since, until, text, order, after, limit, partial"},
		"a field of another case":       {events.SubjectQueryResults, `{"Status":"ok"}`, ``, 400, `"Status" is not known`},
		"a field of the wrong type":     {events.SubjectQueryResults, `{"limit":"10"}`, ``, 400, "limit must be a whole number, not a string"},
		"a time that is none":           {events.SubjectQueryResults, `{"since":"yesterday"}`, ``, 400, "write it as 2026-01-31T12:00:00Z"},
		"a boolean that is none":        {events.SubjectQueryResults, `{"partial":"yes"}`, ``, 400, "partial must be a boolean, not a string"},
		"a value that is not on a list": {events.SubjectQueryResults, `{"status":"good"}`, ``, 400, `unknown status "good": use ok, failed or cancelled`},
		"a limit that is too large":     {events.SubjectQueryBatches, `{"limit":1001}`, ``, 400, "between 1 and 1000"},
		"something that is no object":   {events.SubjectQueryCounts, `["b1"]`, ``, 400, "not a JSON object"},
		"more than one object":          {events.SubjectQueryCounts, `{}{}`, ``, 400, "not a JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			response, p := q.Answer(context.Background(), tc.subject, []byte(tc.request))
			if tc.status == 0 {
				require.Nil(t, p)
				require.JSONEq(t, tc.response, string(response))
				return
			}
			require.Equal(t, tc.status, p.Status)
			require.Contains(t, p.Detail, tc.says)
		})
	}
	t.Run("tells a given-up query from a fault", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, p := q.Answer(ctx, events.SubjectQueryCounts, nil)
		require.Equal(t, http.StatusServiceUnavailable, p.Status)
	})
}

func get(t testing.TB, address, accept string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, address, nil)
	require.NoError(t, err)
	req.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp, string(body)
}

func TestHTTP(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	q, base := library(t)
	t.Run("answers like NATS", func(t *testing.T) {
		for path, ask := range map[string][2]string{
			"/v1/results?batch=b1&order=index&limit=3": {events.SubjectQueryResults, `{"batch":"b1","order":"index","limit":3}`},
			"/v1/results?status=failed":                {events.SubjectQueryResults, `{"status":"failed"}`},
			"/v1/results?text=9&partial=true":          {events.SubjectQueryResults, `{"text":"9","partial":true}`},
			"/v1/results?since=2026-03-01T12:00:00Z":   {events.SubjectQueryResults, `{"since":"2026-03-01T12:00:00Z"}`},
			"/v1/counts?recipe=page":                   {events.SubjectQueryCounts, `{"recipe":"page"}`},
			"/v1/batches":                              {events.SubjectQueryBatches, ``},
		} {
			want, p := q.Answer(context.Background(), ask[0], []byte(ask[1]))
			require.Nil(t, p)
			resp, body := get(t, base+path, "")
			require.Equal(t, http.StatusOK, resp.StatusCode)
			require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
			require.Equal(t, string(want)+"\n", body)
		}
	})
	t.Run("shows one result and one batch", func(t *testing.T) {
		_, body := get(t, base+"/v1/results/i0042", "")
		r, err := events.DecodeResult([]byte(body))
		require.NoError(t, err)
		require.EqualValues(t, 42, r.Index)
		_, body = get(t, base+"/v1/batches/b1", "")
		var b events.Batch
		require.NoError(t, json.Unmarshal([]byte(body), &b))
		require.EqualValues(t, 2500, b.Ended())
	})
	t.Run("refuses with a problem that says what to do", func(t *testing.T) {
		for path, want := range map[string]struct {
			status int
			says   string
		}{
			"/v1/results?state=ok":               {400, "use id, batch, recipe"},
			"/v1/results?status=ok&status=ok":    {400, "give it once"},
			"/v1/results?limit=ten":              {400, "not a whole number"},
			"/v1/results?partial=perhaps":        {400, "neither true nor false"},
			"/v1/results?until=now":              {400, "write it as"},
			"/v1/results?after=x":                {400, "use next of an earlier page"},
			"/v1/results?a;b":                    {400, "cannot be read"},
			"/v1/counts?limit=1":                 {400, "use batch, recipe"},
			"/v1/batches?limit=-1":               {400, "between 1 and 1000"},
			"/v1/results/nobody":                 {404, `no result "nobody"`},
			"/v1/results/i0001?x=1":              {400, "takes no parameters"},
			"/v1/batches/nobody":                 {404, `no batch "nobody"`},
			"/v1/batches/b1?x=1":                 {400, "takes no parameters"},
			"/v1/results?order=index&recipe=any": {400, "needs a batch"},
		} {
			for _, accept := range []string{"", typeNDJSON} {
				resp, body := get(t, base+path, accept)
				require.Equal(t, want.status, resp.StatusCode, path)
				require.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
				var p events.Problem
				require.NoError(t, json.Unmarshal([]byte(body), &p))
				require.Equal(t, want.status, p.Status)
				require.Contains(t, p.Detail, want.says, path)
			}
		}
	})
	t.Run("streams all pages as lines", func(t *testing.T) {
		for params, want := range map[string]int{"": 2500, "limit=1700": 1700, "limit=1": 1, "status=failed": 250, "batch=b1&order=index": 2500, "batch=b9": 0} {
			resp, body := get(t, base+"/v1/results?"+params, "text/html, Application/X-NDJSON;q=0.9")
			require.Equal(t, typeNDJSON, resp.Header.Get("Content-Type"))
			seen := map[string]bool{}
			for sc := bufio.NewScanner(strings.NewReader(body)); sc.Scan(); {
				r, err := events.DecodeResult(sc.Bytes())
				require.NoError(t, err)
				seen[r.ID] = true
			}
			require.Len(t, seen, want, params)
		}
	})
}

func FuzzQuery(f *testing.F) {
	db := openDB(f)
	q := NewQuery(db, slog.New(slog.DiscardHandler))
	for _, s := range []string{``, `{}`, `{"limit":1}`, `{"batch":"b1","order":"index","after":"aW5kZXguMS4y"}`, `[]`, `{"status":"ok"}{}`, `limit=1&after=x`, `%zz`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, subject := range []string{events.SubjectQueryResults, events.SubjectQueryCounts, events.SubjectQueryBatches} {
			response, p := q.Answer(context.Background(), subject, []byte(s))
			if p == nil {
				require.True(t, json.Valid(response))
			} else {
				require.Equal(t, http.StatusBadRequest, p.Status, p.Detail)
			}
		}
		if query, err := parseURL[events.ResultQuery](&url.URL{RawQuery: s}); err == nil {
			if _, err = db.Results(context.Background(), query); err != nil {
				require.ErrorIs(t, err, store.ErrQuery)
			}
		}
	})
}
