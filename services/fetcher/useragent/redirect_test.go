package useragent

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestGet_follows_redirects(t *testing.T) {
	s := site(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/301":
			http.Redirect(w, r, "302", 301)
		case "/302":
			http.Redirect(w, r, "/307?q=1", 302)
		case "/307":
			w.Header().Set("Location", "//"+r.Host+"/308")
			w.WriteHeader(307)
		case "/308":
			http.Redirect(w, r, "/end", 308)
		case "/end":
			_, _ = w.Write([]byte(r.Header.Get("X-Key")))
		}
	})
	out, err := get(t, agent(t), s.URL+"/301", headers{"X-Key": "secret"})
	require.NoError(t, err)
	require.Equal(t, "secret", string(out.Body), "headers stay on the same host")
	require.Equal(t, s.URL+"/end", out.Fetch.URL)
	require.Equal(t, 200, out.Fetch.Status)
}

func TestGet_gives_up_on_a_loop_of_redirects(t *testing.T) {
	var requests atomic.Int64
	s := site(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		http.Redirect(w, r, "/", http.StatusFound)
	})
	out, err := get(t, agent(t), s.URL)
	fails(t, err, events.ReasonTooManyRedirects, false)
	require.EqualValues(t, 11, requests.Load(), "the first request and ten redirects")
	require.Equal(t, 302, out.Fetch.Status)

	requests.Store(0)
	_, err = get(t, agent(t, func(c *Config) { c.MaxRedirects = 2 }), s.URL)
	fails(t, err, events.ReasonTooManyRedirects, false)
	require.EqualValues(t, 3, requests.Load())
}

func TestGet_drops_the_item_s_headers_for_another_host_for_good(t *testing.T) {
	seen := make(chan http.Header, 3)
	var first, other string
	s1 := site(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header
		if r.URL.Path == "/" {
			http.Redirect(w, r, other, http.StatusFound)
		}
	})
	s2 := site(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header
		http.Redirect(w, r, first+"/back", http.StatusFound)
	})
	first, other = s1.URL, s2.URL
	_, err := get(t, agent(t), first+"/", headers{
		"X-Api-Key": "k", "Authorization": "Bearer t", "Cookie": "c=d", "Accept": "text/html", "User-Agent": "mine",
	})
	require.NoError(t, err)
	h := <-seen
	require.Equal(t, []string{"k", "Bearer t", "c=d"}, []string{h.Get("X-Api-Key"), h.Get("Authorization"), h.Get("Cookie")})
	for range 2 {
		h := <-seen
		require.Equal(t, http.Header{"Accept": {"text/html"}, "User-Agent": {"mine"}, "Accept-Encoding": {acceptEncoding}}, h)
	}
}

func TestGet_does_not_follow_redirects_to_where_items_must_not_go(t *testing.T) {
	var to string
	s := site(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	})
	a := agent(t)
	for _, to = range []string{
		"http://127.0.0.2/", "http://[::1]:80/", "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[::ffff:10.0.0.1]/",
		"file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "http://user:pw@127.0.0.1/", "javascript:alert(1)", "http:///x",
	} {
		_, err := get(t, a, s.URL)
		fails(t, err, events.ReasonForbiddenTarget, false)
		require.NotContains(t, err.Error(), "pw@")
	}
	for _, to = range []string{"http://%zz/", "/" + strings.Repeat("a", maxURLBytes), "http://a b/"} {
		_, err := get(t, a, s.URL)
		fails(t, err, events.ReasonProtocol, false)
	}
}

func TestKeepsHeaders(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"http://a/", "http://a:80/x", true},
		{"http://a/", "https://a/", true},
		{"https://a/", "http://a/", false},
		{"http://a:8080/", "https://a/", false},
		{"http://a/", "http://b/", false},
		{"http://a/", "http://a.b/", false},
		{"https://a/", "https://a:8443/", false},
	} {
		require.Equal(t, c.want, keepsHeaders(mustURL(t, c.from), mustURL(t, c.to)), c)
	}
}

func mustURL(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return u
}
