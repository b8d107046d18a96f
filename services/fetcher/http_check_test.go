package fetcher

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func check(t *testing.T, ctx context.Context, n *Network, url string) (checkValue, ops.Output, error) {
	t.Helper()
	out, err := run(ctx, t, n, "http.check", args{"url": url})
	var v checkValue
	if out.Value != nil {
		require.NoError(t, json.Unmarshal(out.Value, &v))
		require.InDelta(t, out.Fetch.ElapsedMS, v.ElapsedMS, 0.001)
		require.Equal(t, out.Fetch.Status, v.Status)
	}
	return v, out, err
}

func TestCheck_finds_a_site_up_or_down(t *testing.T) {
	var mu sync.Mutex
	var methods []string
	release := make(chan struct{})
	s := site(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		methods = append(methods, r.Method)
		mu.Unlock()
		switch r.URL.Path {
		case "/no-head":
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusMethodNotAllowed)
			}
		case "/no-head-501":
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusNotImplemented)
			}
		case "/never":
			w.WriteHeader(http.StatusMethodNotAllowed)
		case "/moved":
			http.Redirect(w, r, "/", http.StatusMovedPermanently)
		case "/missing":
			w.WriteHeader(404)
		case "/busy":
			w.Header().Set("Retry-After", "9")
			w.WriteHeader(429)
		case "/failing":
			w.WriteHeader(500)
		case "/endless":
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			_ = http.NewResponseController(w).Flush()
			<-release
		case "/hanging":
			<-release
		}
	})
	defer close(release)
	n := network(t)
	for _, c := range []struct {
		path    string
		status  int
		methods []string
	}{
		{"/", 200, []string{"HEAD"}},
		{"/moved", 200, []string{"HEAD", "HEAD"}},
		{"/no-head", 200, []string{"HEAD", "GET"}},
		{"/no-head-501", 200, []string{"HEAD", "GET"}},
		{"/endless", 200, []string{"HEAD", "GET"}},
	} {
		methods = nil
		v, out, err := check(t, t.Context(), n, s.URL+c.path)
		require.NoError(t, err, c.path)
		require.True(t, v.Up)
		require.Equal(t, c.status, v.Status)
		require.Equal(t, c.methods, methods)
		require.Positive(t, v.ElapsedMS)
		require.Empty(t, v.Reason)
		require.Nil(t, out.Body)
	}
	for _, c := range []struct {
		path      string
		status    int
		temporary bool
		after     time.Duration
	}{{"/missing", 404, false, 0}, {"/never", 405, false, 0}, {"/busy", 429, true, 9 * time.Second}, {"/failing", 500, true, 0}} {
		v, _, err := check(t, t.Context(), n, s.URL+c.path)
		f := failure(t, err, events.ReasonHTTPStatus, c.temporary)
		require.Equal(t, c.after, f.After)
		require.Equal(t, checkValue{Status: c.status, Reason: events.ReasonHTTPStatus, ElapsedMS: v.ElapsedMS}, v)
	}
	v, _, err := check(t, soon(t, 50*time.Millisecond), n, s.URL+"/hanging")
	fails(t, err, events.ReasonTimeout, true)
	require.Equal(t, events.ReasonTimeout, v.Reason)
	require.False(t, v.Up)
}

func TestCheck_writes_its_value_as_promised(t *testing.T) {
	s := site(t, func(http.ResponseWriter, *http.Request) {})
	_, out, err := check(t, t.Context(), network(t), s.URL)
	require.NoError(t, err)
	require.Regexp(t, `^\{"up":true,"status":200,"elapsed_ms":[0-9.]+\}$`, string(out.Value))
	s.Close()
	_, out, err = check(t, t.Context(), network(t), s.URL)
	fails(t, err, events.ReasonConnect, true)
	require.Regexp(t, `^\{"up":false,"elapsed_ms":[0-9.]+,"reason":"connect"\}$`, string(out.Value))
}

func TestCheck_says_nothing_about_a_site_that_it_did_not_try(t *testing.T) {
	n := network(t)
	for url, reason := range map[string]events.Reason{
		"http://127.0.0.2/": events.ReasonForbiddenTarget, "ftp://x/": events.ReasonInvalidParameter, "": events.ReasonMissingParameter,
	} {
		_, out, err := check(t, t.Context(), n, url)
		fails(t, err, reason, false)
		require.Nil(t, out.Value)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, out, err := check(t, ctx, n, "http://127.0.0.1:1/")
	require.ErrorIs(t, err, context.Canceled)
	require.Nil(t, out.Value)
}
