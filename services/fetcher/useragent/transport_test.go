package useragent

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

var quiet = log.New(io.Discard, "", 0)

func trusting(s *httptest.Server) func(*Config) {
	return func(c *Config) {
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AddCert(s.Certificate())
	}
}

// counted is a site that counts its connections.
func counted(t testing.TB, h http.HandlerFunc, tls bool) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var connections atomic.Int64
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = quiet
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	if tls {
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s, &connections
}

func TestAgent_uses_one_connection_for_requests_one_after_another(t *testing.T) {
	s, connections := counted(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/missing":
			w.WriteHeader(404)
		case "/chunked":
			_ = http.NewResponseController(w).Flush()
		case "/zipped":
			w.Header().Set("Content-Encoding", "gzip")
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(zip(t, []byte("zipped")))
			return
		case "/head":
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusMethodNotAllowed)
			}
		}
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, strings.Repeat("some text ", 100))
		}
	}, false)
	a := agent(t)
	for range 5 {
		for _, path := range []string{"/ok", "/missing", "/moved", "/chunked", "/zipped"} {
			out, _ := get(t, a, s.URL+path)
			require.NotNil(t, out.Fetch)
		}
		for _, path := range []string{"/ok", "/missing", "/moved", "/head"} {
			x, err := a.Exchange(Request{URL: s.URL + path})
			require.NoError(t, err)
			for _, method := range []string{http.MethodHead, http.MethodGet} {
				resp, err := x.Send(t.Context(), method)
				require.NoError(t, err)
				Discard(resp)
			}
		}
	}
	require.EqualValues(t, 1, connections.Load())
	out, err := get(t, a, s.URL+"/ok")
	require.NoError(t, err)
	require.Zero(t, out.Fetch.Phases.Connect, "a reused connection has no connect phase")
}

func TestAgent_speaks_HTTP2(t *testing.T) {
	s, connections := counted(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/large", "/flood":
			for i := range map[string]int{"/large": 254, "/flood": 1000}[r.URL.Path] {
				w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("x", 1000))
			}
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/zipped":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(zip(t, []byte("hello")))
		default:
			fmt.Fprint(w, "hello")
		}
	}, true)
	a := agent(t, trusting(s))
	for _, path := range []string{"/", "/zipped", "/"} {
		out, err := get(t, a, s.URL+path)
		require.NoError(t, err)
		require.Equal(t, "HTTP/2.0", out.Fetch.Proto)
		require.Equal(t, "hello", string(out.Body))
	}
	require.EqualValues(t, 1, connections.Load())

	_, err := get(t, a, s.URL+"/large")
	fails(t, err, events.ReasonTooLarge, false)
	_, err = get(t, a, s.URL+"/flood")
	fails(t, err, events.ReasonProtocol, true) // far over the limit, net/http ends the connection without saying why
	_, err = get(t, a, s.URL+"/abort")
	fails(t, err, events.ReasonProtocol, true)

	fresh := agent(t, trusting(s))
	out, err := get(t, fresh, s.URL)
	require.NoError(t, err)
	require.Positive(t, out.Fetch.Phases.TLS)
}

func TestAgent_carries_two_thousand_gets_at_once(t *testing.T) {
	const requests = 2000
	var arrived sync.WaitGroup
	arrived.Add(requests)
	s, connections := counted(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/together" {
			arrived.Done()
			arrived.Wait() // so that all are in flight at the same time
		}
		fmt.Fprint(w, "ok")
	}, false)
	a := agent(t, func(c *Config) { c.Concurrency = requests })
	all := func(path string) {
		var (
			done   sync.WaitGroup
			errs   = make([]error, requests)
			bodies atomic.Int64
		)
		for i := range requests {
			done.Go(func() {
				out, err := get(t, a, s.URL+path)
				errs[i] = err
				bodies.Add(int64(len(out.Body)))
			})
		}
		done.Wait()
		require.NoError(t, errors.Join(errs...))
		require.EqualValues(t, 2*requests, bodies.Load())
	}
	all("/together")
	all("/again")
	require.LessOrEqual(t, connections.Load(), int64(requests)+requests/20, "idle connections are kept and used again")
}
