package useragent

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestPace_counts_only_the_time_that_the_server_takes(t *testing.T) {
	second := int64(time.Second)
	at := func(ago time.Duration) *pace {
		return &pace{least: 100, window: 10 * time.Second, start: time.Now().Add(-ago)}
	}
	t.Run("a reader may be slow", func(t *testing.T) {
		p := at(time.Hour)
		p.waited.Store(9 * second)
		require.False(t, p.expired())
	})
	t.Run("a server may not", func(t *testing.T) {
		p := at(time.Hour)
		p.waited.Store(10 * second)
		p.bytes.Store(99)
		require.True(t, p.expired())
		require.False(t, p.expired(), "once is enough")
		require.ErrorIs(t, p.verdict(io.EOF), errSlow)
	})
	t.Run("and not in any window", func(t *testing.T) {
		p := at(time.Hour)
		p.waited.Store(11 * second)
		p.bytes.Store(1_000_000)
		require.False(t, p.expired())
		p.bytes.Add(99)
		p.waited.Store(20 * second)
		require.False(t, p.expired(), "the second window is not over")
		p.waited.Store(21 * second)
		require.True(t, p.expired())
	})
	t.Run("the wait at hand counts", func(t *testing.T) {
		p := at(11 * time.Second)
		p.since.Store(1)
		require.True(t, p.expired())
		p = at(11 * time.Second)
		p.since.Store(5 * second)
		require.False(t, p.expired())
	})
}

func TestGet_ends_one_slow_body_of_a_connection_and_not_the_others(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
			<-release
		}
		_, _ = io.WriteString(w, r.RemoteAddr)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	defer close(release)
	a := agent(t, trusting(s), func(c *Config) { c.MinRateWindow = 3 * time.Second })
	first, err := get(t, a, s.URL)
	require.NoError(t, err)
	require.Equal(t, "HTTP/2.0", first.Fetch.Proto)
	_, err = get(t, a, s.URL+"/slow")
	fails(t, err, events.ReasonTimeout, true)
	require.ErrorContains(t, err, "too slowly")
	second, err := get(t, a, s.URL)
	require.NoError(t, err)
	require.Equal(t, string(first.Body), string(second.Body), "the connection is the same")
}

func TestWatch_forgets_requests_that_have_ended(t *testing.T) {
	s := site(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/missing" {
			http.NotFound(w, r)
		}
		_, _ = w.Write(make([]byte, 100_000))
	})
	a := agent(t, func(c *Config) { c.MinRateWindow = 3 * time.Second })
	for _, path := range []string{"/", "/missing"} {
		_, _ = get(t, a, s.URL+path)
	}
	x, err := a.Exchange(Request{URL: s.URL})
	require.NoError(t, err)
	resp, err := x.Send(t.Context(), http.MethodGet)
	require.NoError(t, err)
	a.watch.mu.Lock()
	require.Same(t, &x.hop.pace, a.watch.first)
	a.watch.mu.Unlock()
	b, err := x.Open(t.Context(), resp, Want{Inline: 10})
	require.NoError(t, err)
	b.Close()
	x.Close()
	idle := func() bool {
		a.watch.mu.Lock()
		defer a.watch.mu.Unlock()
		return a.watch.first == nil && !a.watch.armed
	}
	require.Eventually(t, idle, time.Minute, 5*time.Millisecond)
	_, err = get(t, a, s.URL)
	require.NoError(t, err)
	require.Eventually(t, idle, time.Minute, 5*time.Millisecond, "it starts and ends again")
	_, err = fetch(cancelled(t), a, http.MethodGet, Request{URL: s.URL})
	require.ErrorIs(t, err, context.Canceled)
	require.Eventually(t, idle, time.Minute, 5*time.Millisecond)
}

func cancelled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
