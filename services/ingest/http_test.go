package ingest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/ingest"

	"github.com/stretchr/testify/require"
)

type publisherFunc func(ctx context.Context, out []stage.Outgoing) ([]bool, error)

func (f publisherFunc) Publish(ctx context.Context, out []stage.Outgoing) ([]bool, error) {
	return f(ctx, out)
}

// capture keeps what is published. Message ids that it has seen are duplicates; after full messages it takes no more.
type capture struct {
	out  []stage.Outgoing
	seen map[string]bool
	full int // 0: never
}

func (c *capture) Publish(_ context.Context, out []stage.Outgoing) ([]bool, error) {
	if c.seen == nil {
		c.seen = map[string]bool{}
	}
	var duplicates []bool
	for _, o := range out {
		if c.full > 0 && len(c.out) >= c.full {
			return duplicates, stage.ErrFull
		}
		id := o.Header[events.HeaderMsgID]
		duplicates = append(duplicates, c.seen[id])
		if !c.seen[id] {
			c.out = append(c.out, o)
		}
		c.seen[id] = true
	}
	return duplicates, nil
}

type answer struct {
	status int
	header http.Header
	body   map[string]any
}

// send posts to a server of the API. Headers are given as "Name: value".
func send(t testing.TB, pub ingest.Publisher, path, body string, headers ...string) answer {
	t.Helper()
	server := httptest.NewServer(ingest.NewHandler(intake(t), pub))
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	a := answer{status: resp.StatusCode, header: resp.Header}
	require.NoError(t, json.Unmarshal(raw, &a.body), "%s", raw)
	return a
}

func TestHTTP_accepts_one_item_in_every_form(t *testing.T) {
	for name, c := range map[string]struct {
		body    string
		headers []string
	}{
		"text":           {"http://h/", []string{"Content-Type: text/plain; charset=utf-8"}},
		"what curl says": {"http://h/", []string{"Content-Type: application/x-www-form-urlencoded"}},
		"no type":        {"http://h/", nil},
		"JSON":           {`{"url":"http://h/"}`, []string{"Content-Type: application/json"}},
		"binary event":   {`{"url":"http://h/"}`, []string{"Content-Type: application/json", "ce-specversion: 1.0", "ce-id: 1", "ce-source: s", "ce-type: t"}},
		"structured event": {
			`{"specversion":"1.0","id":"1","source":"s","type":"t","data":"http://h/"}`,
			[]string{"Content-Type: application/cloudevents+json"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var pub capture
			a := send(t, &pub, "/v1/work/page", c.body, c.headers...)
			require.Equal(t, 202, a.status, a.body)
			require.Equal(t, "application/json", a.header.Get("Content-Type"))
			require.Len(t, pub.out, 1)
			it := item(t, pub.out[0])
			require.Equal(t, map[string]any{"id": it.ID, "recipe": "page", "duplicate": false}, a.body)
			require.Equal(t, "http://h/", it.Key)
			if strings.Contains(name, "event") {
				require.Equal(t, events.IDFromKey("s\n1"), it.ID)
			}
		})
	}
}

func TestHTTP_reads_the_headers_of_an_item(t *testing.T) {
	var pub capture
	headers := []string{
		"Idempotency-Key: mine", "Batch: b1", "Index: 4", "Lane: high", "Deadline: 30s", "Time: 2026-01-31T11:00:00Z", "traceparent: " + traceParent,
		"Nats-Rollup: all", "Nats-Msg-Id: other", "fetchmill-reply: x",
	}
	a := send(t, &pub, "/v1/work/page", "http://h/", headers...)
	require.Equal(t, map[string]any{"id": events.IDFromKey("mine"), "recipe": "page", "batch": "b1", "duplicate": false}, a.body)
	out := pub.out[0]
	require.Equal(t, "fetch.high.http.get", out.Subject)
	require.Equal(t, traceParent, out.Header["traceparent"])
	require.Len(t, out.Header, 7)
	it := item(t, out)
	require.EqualValues(t, 4, it.Index)
	require.Equal(t, noon.Add(30e9), it.Deadline)
	require.Equal(t, noon.Add(-time.Hour), it.Time)

	a = send(t, &pub, "/v1/work/page", "http://h/", headers...)
	require.Equal(t, 202, a.status)
	require.Equal(t, true, a.body["duplicate"])
}

func TestHTTP_refuses_with_a_problem(t *testing.T) {
	for name, c := range map[string]struct {
		path, body string
		headers    []string
		status     int
		reason     any
		want       string
	}{
		"an unknown recipe":      {"/v1/work/pgae", "x", nil, 404, "unknown_recipe", `did you mean "page"`},
		"a missing parameter":    {"/v1/work/page", "", nil, 400, "missing_parameter", "is missing"},
		"a wrong parameter":      {"/v1/work/count", "x", nil, 400, "invalid_parameter", "nats pub work.count 10000000"},
		"a malformed body":       {"/v1/work/count", "{", nil, 400, "bad_input", "is not one"},
		"a bad lane":             {"/v1/work/count", "1", []string{"Lane: fast"}, 400, "bad_input", "unknown lane"},
		"a bad batch":            {"/v1/work/count", "1", []string{"Batch: a b"}, 400, "bad_input", "invalid name"},
		"a large body":           {"/v1/work/noop", strings.Repeat("x", 1<<20+1), nil, 413, "too_large", "more than 1048576 bytes"},
		"a large item":           {"/v1/work/noop", strings.Repeat("x", 1<<20), nil, 413, "too_large", "can be sent on"},
		"another content type":   {"/v1/work/noop", "x", []string{"Content-Type: image/png"}, 415, "bad_input", "is not accepted"},
		"a browser's other site": {"/v1/work/noop", "x", []string{"Sec-Fetch-Site: cross-site"}, 403, nil, "another site"},
		"a bad action":           {"/v1/batches/b1/burn", "", nil, 400, "bad_input", "use open, close or cancel"},
		"a close without total":  {"/v1/batches/b1/close", "", nil, 400, "bad_input", "how many items"},
		"a broken total":         {"/v1/batches/b1/close?total=x", "", nil, 400, "bad_input", "not a whole number"},
		"two batches":            {"/v1/batches/b1/open", `{"batch":"b2"}`, nil, 400, "bad_input", "different batches"},
		"a bad lane for many":    {"/v1/work/count?lines=1", "1", []string{"Lane: fast"}, 400, "bad_input", "unknown lane"},
	} {
		t.Run(name, func(t *testing.T) {
			var pub capture
			a := send(t, &pub, c.path, c.body, c.headers...)
			require.Equal(t, c.status, a.status)
			require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
			require.EqualValues(t, c.status, a.body["status"])
			require.Equal(t, "about:blank", a.body["type"])
			require.Equal(t, http.StatusText(c.status), a.body["title"])
			require.Equal(t, c.reason, a.body["reason"])
			require.Contains(t, a.body["detail"], c.want)
			require.Empty(t, pub.out)
		})
	}
}

func TestHTTP_takes_nothing_but_POST(t *testing.T) {
	w := httptest.NewRecorder()
	ingest.NewHandler(intake(t), &capture{}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/work/page", nil))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	require.Equal(t, "POST", w.Header().Get("Allow"))
}

func TestHTTP_says_when_a_stream_is_full_or_the_broker_does_not_answer(t *testing.T) {
	for want, err := range map[string]error{"the stream is full": stage.ErrFull, "no responders": errors.New("no responders")} {
		pub := publisherFunc(func(context.Context, []stage.Outgoing) ([]bool, error) { return nil, err })
		for _, path := range []string{"/v1/work/noop", "/v1/batches/b1/open"} {
			a := send(t, pub, path, "")
			require.Equal(t, 503, a.status)
			require.Equal(t, "1", a.header.Get("Retry-After"))
			require.Contains(t, a.body["detail"], want)
		}
	}
}

func TestHTTP_opens_closes_and_cancels_batches(t *testing.T) {
	for path, c := range map[string]struct{ body, msgID, action string }{
		"/v1/batches/b1/open":          {`{"recipe":"page"}`, "batch.b1.open", "open"},
		"/v1/batches/b1/close":         {`{"total":0}`, "batch.b1.close.0", "close"},
		"/v1/batches/b1/close?total=3": {"", "batch.b1.close.3", "close"},
		"/v1/batches/b1/cancel":        {"", "batch.b1.cancel", "cancel"},
	} {
		var pub capture
		a := send(t, &pub, path, c.body)
		require.Equal(t, 202, a.status)
		require.Equal(t, map[string]any{"batch": "b1", "action": c.action}, a.body)
		require.Equal(t, c.msgID, pub.out[0].Header[events.HeaderMsgID])
	}
}
