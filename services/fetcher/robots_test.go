package fetcher

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// withRobots is a site with a robots.txt; it counts what else is fetched.
func withRobots(t *testing.T, status int, file string) (url string, fetched *atomic.Int32) {
	t.Helper()
	fetched = &atomic.Int32{}
	s := site(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/robots.txt" {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(file))
			return
		}
		fetched.Add(1)
	})
	return s.URL, fetched
}

func TestRobots(t *testing.T) {
	t.Run("what robots.txt forbids is not fetched, and the failure names the rule", func(t *testing.T) {
		u, fetched := withRobots(t, 200, "User-agent: *\nDisallow: /\n\nUser-agent: fetchmill\nDisallow: /private\n")
		n := network(t)
		_, err := get(t, n, args{"url": u + "/private/x", "robots": true})
		fails(t, err, events.ReasonRobots, false)
		require.ErrorContains(t, err, `line 5 says "Disallow: /private"`)
		require.Zero(t, fetched.Load())
		_, err = get(t, n, args{"url": u + "/public", "robots": true})
		require.NoError(t, err)
		_, err = get(t, n, args{"url": u + "/private/x"})
		require.NoError(t, err, "a step that does not ask is not held")
	})

	t.Run("holds for what a redirect leads to", func(t *testing.T) {
		u, fetched := withRobots(t, 200, "User-agent: *\nDisallow: /private\n")
		first := site(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/robots.txt" {
				http.NotFound(w, r)
				return
			}
			http.Redirect(w, r, u+"/private/x", http.StatusFound)
		})
		_, err := get(t, network(t), args{"url": first.URL, "robots": true})
		fails(t, err, events.ReasonRobots, false)
		require.Zero(t, fetched.Load())
	})

	t.Run("no robots.txt forbids nothing", func(t *testing.T) {
		u, _ := withRobots(t, 404, "User-agent: *\nDisallow: /\n")
		_, err := get(t, network(t), args{"url": u, "robots": true})
		require.NoError(t, err)
	})

	t.Run("one that cannot be read forbids everything for now", func(t *testing.T) {
		u, fetched := withRobots(t, 500, "")
		_, err := get(t, network(t), args{"url": u, "robots": true})
		require.Positive(t, failure(t, err, events.ReasonRobots, true).After)
		require.ErrorContains(t, err, "status 500")
		require.Zero(t, fetched.Load())
	})

	t.Run("a site that is not there fails as it would without", func(t *testing.T) {
		s := site(t, func(http.ResponseWriter, *http.Request) {})
		s.Close()
		_, err := get(t, network(t), args{"url": s.URL, "robots": true})
		fails(t, err, events.ReasonConnect, true)
		_, err = get(t, network(t), args{"url": "http://127.0.0.2:1", "robots": true})
		fails(t, err, events.ReasonForbiddenTarget, false)
	})

	t.Run("redirects of robots.txt are followed, and too many mean that there is none", func(t *testing.T) {
		for hops, want := range map[int]bool{5: false, 50: true} {
			var u string
			s := site(t, func(w http.ResponseWriter, r *http.Request) {
				var hop int
				switch {
				case r.URL.Path == "/robots.txt":
					http.Redirect(w, r, u+"/hop/1", http.StatusFound)
				case strings.HasPrefix(r.URL.Path, "/hop/"):
					_, _ = fmt.Sscanf(r.URL.Path, "/hop/%d", &hop)
					if hop < hops {
						http.Redirect(w, r, fmt.Sprintf("%s/hop/%d", u, hop+1), http.StatusFound)
						return
					}
					_, _ = w.Write([]byte("User-agent: *\nDisallow: /\n"))
				}
			})
			u = s.URL
			_, err := get(t, network(t), args{"url": u + "/page", "robots": true})
			require.Equal(t, want, err == nil, "%d redirects: %v", hops, err)
		}
	})

	t.Run("a long one is read to its limit", func(t *testing.T) {
		u, _ := withRobots(t, 200, "User-agent: *\nDisallow: /a\n"+strings.Repeat("#", 600<<10)+"\nDisallow: /b\n")
		n := network(t)
		_, err := get(t, n, args{"url": u + "/a", "robots": true})
		fails(t, err, events.ReasonRobots, false)
		_, err = get(t, n, args{"url": u + "/b", "robots": true})
		require.NoError(t, err)
	})

	t.Run("its crawl delay is kept, up to a minute", func(t *testing.T) {
		u, fetched := withRobots(t, 200, "User-agent: *\nCrawl-delay: 3600\n")
		n := network(t)
		_, err := get(t, n, args{"url": u, "robots": true})
		require.InDelta(t, time.Minute, deferred(t, err).After, float64(20*time.Second), "after robots.txt itself")
		require.Zero(t, fetched.Load())
	})
}
