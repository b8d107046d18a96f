package e2e

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/fetchmill/fetchmill/internal/site"
)

// webSite is a site of the test's own that remembers who asked for what, and when.
type webSite struct {
	*httptest.Server
	mu    sync.Mutex
	asked map[string][]time.Time // by path
	news  chan struct{}          // gets a value for each request, if it has room
}

// newSite starts a site with the pages of internal/site and those in extra, by path.
func newSite(t *testing.T, extra map[string]http.HandlerFunc) *webSite {
	t.Helper()
	s := &webSite{asked: map[string][]time.Time{}, news: make(chan struct{}, 1)}
	pages := site.New()
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked[r.URL.Path] = append(s.asked[r.URL.Path], time.Now())
		s.mu.Unlock()
		select {
		case s.news <- struct{}{}:
		default:
		}
		if h, ok := extra[r.URL.Path]; ok {
			h(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		s.CloseClientConnections() // pages that hang
		s.Close()
	})
	return s
}

// times tells when a path was asked for.
func (s *webSite) times(path string) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Time(nil), s.asked[path]...)
}

// requests is how many there were so far.
func (s *webSite) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, times := range s.asked {
		n += len(times)
	}
	return n
}

// newSiteOf starts a site with pages of its own, and returns its address.
func newSiteOf(t *testing.T, pages http.Handler) string {
	t.Helper()
	s := httptest.NewServer(pages)
	t.Cleanup(s.Close)
	return s.URL
}
