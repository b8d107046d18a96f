// Package site is a web site for demonstrations and measurements: pages that are fast, slow, missing, broken, flaky or never
// answer, so that nobody needs a network, and no stranger's server is troubled.
package site

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	maxDelay = time.Minute
	maxSize  = 1 << 30
)

// New makes the site. The paths are:
//
//	/fast/N          a small page, at once
//	/slow/N?ms=500   a small page, after ms milliseconds (default 500)
//	/delay?ms=100    the same without a number (default 100)
//	/missing/N       404
//	/fail/N          500
//	/flaky/N         503 for the first two requests of this path, then a small page
//	/hang/N          no answer until the client leaves
//	/json/N          a small JSON object
//	/size/BYTES      so many bytes
func New() http.Handler {
	s := &site{asked: make(map[string]int)}
	mux := http.NewServeMux()
	mux.HandleFunc("/fast/{n}", page)
	mux.HandleFunc("/slow/{n}", func(w http.ResponseWriter, r *http.Request) { late(w, r, 500) })
	mux.HandleFunc("/delay", func(w http.ResponseWriter, r *http.Request) { late(w, r, 100) })
	mux.HandleFunc("/missing/{n}", http.NotFound)
	mux.HandleFunc("/fail/{n}", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this page always fails", http.StatusInternalServerError)
	})
	mux.HandleFunc("/flaky/{n}", s.flaky)
	mux.HandleFunc("/hang/{n}", hang)
	mux.HandleFunc("/json/{n}", object)
	mux.HandleFunc("/size/{bytes}", size)
	return mux
}

// site remembers how often flaky paths were asked for.
type site struct {
	mu    sync.Mutex
	asked map[string]int
}

func (s *site) flaky(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked[r.URL.Path]++
	n := s.asked[r.URL.Path]
	s.mu.Unlock()
	if n <= 2 {
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	page(w, r)
}

func page(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = fmt.Fprintf(w, "<!doctype html><title>Page %[1]s</title><h1>Page %[1]s</h1><p>A page for trying things out.</p>\n", number(r))
}

// number is the last part of the path if it is a number; anything else has no business in a page.
func number(r *http.Request) string {
	if n, err := strconv.ParseUint(r.PathValue("n"), 10, 64); err == nil {
		return strconv.FormatUint(n, 10)
	}
	return "0"
}

func late(w http.ResponseWriter, r *http.Request, ms int64) {
	if q := r.URL.Query().Get("ms"); q != "" {
		var err error
		if ms, err = strconv.ParseInt(q, 10, 64); err != nil || ms < 0 || ms > maxDelay.Milliseconds() {
			http.Error(w, fmt.Sprintf("ms must be a number from 0 to %d", maxDelay.Milliseconds()), http.StatusBadRequest)
			return
		}
	}
	timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		page(w, r)
	case <-r.Context().Done():
	}
}

// hang leaves without an answer even when the site closes: returning would send an empty page.
func hang(_ http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

func object(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"n":%[1]s,"name":"object %[1]s","tags":["a","b"],"even":%[2]t}`+"\n", number(r), number(r)[len(number(r))-1]%2 == 0)
}

// zeros is an endless source of bytes.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func size(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.ParseInt(r.PathValue("bytes"), 10, 64)
	if err != nil || n < 0 || n > maxSize {
		http.Error(w, fmt.Sprintf("the size must be a number from 0 to %d", maxSize), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	_, _ = io.CopyN(w, zeros{}, n) // the client has gone if this fails
}
