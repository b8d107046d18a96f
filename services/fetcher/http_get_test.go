package fetcher

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestGet_sends_the_host_as_it_is_usually_written(t *testing.T) {
	s := site(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Host) })
	n := network(t)
	out, err := get(t, n, args{"url": s.URL})
	require.NoError(t, err)
	require.Equal(t, "http://"+string(out.Body), s.URL)
	out, err = get(t, n, args{"url": strings.Replace(s.URL, "http", "HTTP", 1)})
	require.NoError(t, err)
	require.Equal(t, "http://"+string(out.Body), s.URL)
}

func TestGet_yields_the_body_and_the_facts(t *testing.T) {
	s := site(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.UserAgent(), r.Header.Get("X-Key"), r.URL.RawQuery)
	})
	out, err := get(t, network(t), args{"url": s.URL + "/a?b=c#d", "headers": args{"x-key": "k"}})
	require.NoError(t, err)
	require.Equal(t, "GET test k b=c", string(out.Body))
	require.Nil(t, out.Value, "the value of earlier steps stays")
	f := out.Fetch
	require.Equal(t, 200, f.Status)
	require.EqualValues(t, len(out.Body), f.Bytes)
	require.Equal(t, "text/plain", f.ContentType)
	require.Equal(t, "HTTP/1.1", f.Proto)
	require.Empty(t, f.URL, "no redirect")
	require.Positive(t, f.ElapsedMS)
	require.Positive(t, f.Phases.Connect)
	require.Positive(t, f.Phases.FirstByte)
	require.Zero(t, f.Phases.TLS)
	require.LessOrEqual(t, f.Phases.DNS+f.Phases.Connect+f.Phases.FirstByte+f.Phases.Transfer, f.ElapsedMS+0.01)
}

func TestGet_judges_a_status(t *testing.T) {
	s := site(t, func(w http.ResponseWriter, r *http.Request) {
		var status int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
		w.WriteHeader(status)
		if status != 204 && status != 304 {
			fmt.Fprint(w, "text")
		}
	})
	n := network(t)
	for _, status := range []int{200, 201, 204, 206, 299} {
		out, err := get(t, n, args{"url": fmt.Sprint(s.URL, "/", status)})
		require.NoError(t, err, status)
		require.Equal(t, status, out.Fetch.Status)
	}
	for _, status := range []int{300, 302, 304, 400, 401, 403, 404, 410, 418, 451, 600, 999} {
		out, err := get(t, n, args{"url": fmt.Sprint(s.URL, "/", status)})
		fails(t, err, events.ReasonHTTPStatus, false)
		require.ErrorContains(t, err, fmt.Sprint("status ", status))
		require.Equal(t, status, out.Fetch.Status)
		require.Empty(t, out.Body)
	}
	for _, status := range []int{408, 425, 429, 500, 501, 502, 503, 504, 599} {
		out, err := get(t, n, args{"url": fmt.Sprint(s.URL, "/", status)})
		f := failure(t, err, events.ReasonHTTPStatus, true)
		require.Zero(t, f.After)
		require.Equal(t, status, out.Fetch.Status)
	}
}

func TestGet_accepts_the_statuses_that_the_item_names(t *testing.T) {
	s := site(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/missing":
			http.NotFound(w, r)
		}
	})
	n := network(t)
	out, err := get(t, n, args{"url": s.URL + "/missing", "accept": []int{200, 404}})
	require.NoError(t, err)
	require.Equal(t, 404, out.Fetch.Status)
	require.Equal(t, "404 page not found\n", string(out.Body))

	out, err = get(t, n, args{"url": s.URL + "/moved", "accept": []int{302}})
	require.NoError(t, err)
	require.Equal(t, 302, out.Fetch.Status)

	_, err = get(t, n, args{"url": s.URL + "/", "accept": []int{404}})
	fails(t, err, events.ReasonHTTPStatus, false)
	_, err = get(t, n, args{"url": s.URL + "/", "accept": []int{99}})
	fails(t, err, events.ReasonInvalidParameter, false)
}

func TestGet_honours_Retry_After_up_to_a_limit(t *testing.T) {
	var value string
	s := site(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", value)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	after := func(v string) time.Duration {
		value = v
		n := network(t, func(c *NetConfig) { c.HTTP.MaxRetryAfter = 40 * time.Second }) // a new one, as the site is left alone now
		_, err := get(t, n, args{"url": s.URL})
		return failure(t, err, events.ReasonHTTPStatus, true).After
	}
	require.Equal(t, 7*time.Second, after("7"))
	require.Equal(t, 40*time.Second, after("41"))
	require.Equal(t, 40*time.Second, after("99999999999999999999999"))
	require.InDelta(t, 20*time.Second, after(time.Now().Add(20*time.Second).UTC().Format(http.TimeFormat)), float64(2*time.Second))
	require.Equal(t, 40*time.Second, after(time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)))
	for _, v := range []string{"0", "", "-5", "soon", "1.5", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)} {
		require.Zero(t, after(v), v)
	}
}

func TestGet_refuses_arguments_that_make_no_request(t *testing.T) {
	n := network(t)
	_, err := get(t, n, args{})
	fails(t, err, events.ReasonMissingParameter, false)
	for _, a := range []args{
		{"url": 7},
		{"url": "x", "uri": "y"},
		{"url": "example.com"},
		{"url": "//example.com/"},
		{"url": "ftp://example.com/"},
		{"url": "file:///etc/passwd"},
		{"url": "http:example.com"},
		{"url": "http://"},
		{"url": "http://:80/"},
		{"url": "http:///path"},
		{"url": "http://a:b@example.com/"},
		{"url": "http://a@example.com/"},
		{"url": "http://example.com:0/"},
		{"url": "http://example.com:65536/"},
		{"url": "http://exa mple.com/"},
		{"url": "http://[::1/"},
		{"url": "http://[a:b]/"},
		{"url": "http://[fe80::1%25a%20b]/"},
		{"url": "http://[::%25ä]/"},
		{"url": "http://example.com/\n"},
		{"url": "http://example.com/%zz"},
		{"url": "http://example.com/" + strings.Repeat("a", 8<<10)},
	} {
		_, err := get(t, n, a)
		fails(t, err, events.ReasonInvalidParameter, false)
		require.NotContains(t, err.Error(), "a:b@")
	}
	for _, name := range []string{
		"Host", "host", "Connection", "Content-Length", "transfer-encoding", "Proxy-Authorization", "proxy-connection", "Upgrade", "TE", "Trailer",
		"Keep-Alive", "", "a b", "a:", "ä", "x\r\ny",
	} {
		_, err := get(t, n, args{"url": "http://127.0.0.1/", "headers": args{name: "v"}})
		fails(t, err, events.ReasonInvalidParameter, false)
	}
	_, err = get(t, n, args{"url": "http://127.0.0.1/", "headers": args{"X": "a\r\nY: b"}})
	fails(t, err, events.ReasonInvalidParameter, false)
	_, err = get(t, n, args{"url": "http://127.0.0.1/", "headers": args{"X-A": "1", "x-a": "2"}})
	fails(t, err, events.ReasonInvalidParameter, false)
}

func TestGet_is_called_off_without_a_verdict(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	s := site(t, func(http.ResponseWriter, *http.Request) { close(arrived); <-release })
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	out, err := run(ctx, t, network(t), "http.get", args{"url": s.URL})
	require.ErrorIs(t, err, context.Canceled)
	require.NotContains(t, fmt.Sprintf("%T", err), "Failure")
	require.NotNil(t, out.Fetch)
}

func TestGet_times_out(t *testing.T) {
	release := make(chan struct{})
	s := site(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/drip" {
			w.WriteHeader(200)
			_, _ = w.Write([]byte("first"))
			_ = http.NewResponseController(w).Flush()
		}
		<-release
	})
	defer close(release)
	n := network(t)
	out, err := run(soon(t, 50*time.Millisecond), t, n, "http.get", args{"url": s.URL + "/"})
	fails(t, err, events.ReasonTimeout, true)
	require.Zero(t, out.Fetch.Status)
	require.Positive(t, out.Fetch.ElapsedMS)

	out, err = run(soon(t, 3*time.Second), t, n, "http.get", args{"url": s.URL + "/drip"})
	fails(t, err, events.ReasonTimeout, true)
	require.Equal(t, 200, out.Fetch.Status, "what was known is told")
}

func TestGet_does_not_wait_for_the_body_of_a_failure(t *testing.T) {
	release := make(chan struct{})
	s := site(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_ = http.NewResponseController(w).Flush()
		<-release
	})
	defer close(release)
	_, err := run(soon(t, 10*time.Second), t, network(t), "http.get", args{"url": s.URL})
	fails(t, err, events.ReasonHTTPStatus, false)
}
