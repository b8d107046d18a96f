package fetcher

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/politeness"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

func deferred(t *testing.T, err error) *ops.Failure {
	t.Helper()
	f, ok := errors.AsType[*ops.Failure](err)
	require.True(t, ok, "%v", err)
	require.True(t, f.Deferred, "%v", err)
	require.Positive(t, f.After)
	return f
}

func limit(l politeness.Limit) func(*NetConfig) {
	return func(c *NetConfig) { c.Politeness.Limits = func(string) politeness.Limit { return l } }
}

func TestTurns_of_a_site_that_says_it_is_too_much_come_later_and_cost_no_attempt(t *testing.T) {
	var asked atomic.Int32
	s := site(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	n := network(t)
	_, err := get(t, n, args{"url": s.URL})
	require.Equal(t, time.Minute, failure(t, err, events.ReasonHTTPStatus, true).After)
	_, err = get(t, n, args{"url": s.URL})
	require.Greater(t, deferred(t, err).After, 20*time.Second)
	require.ErrorContains(t, err, "asked us to slow down")
	require.EqualValues(t, 1, asked.Load())
}

func TestTurns_of_a_dead_site_cost_attempts_and_no_places_and_a_check_tries_all_the_same(t *testing.T) {
	s := site(t, func(http.ResponseWriter, *http.Request) {})
	s.Close()
	n := network(t)
	for range 5 {
		_, err := get(t, n, args{"url": s.URL})
		fails(t, err, events.ReasonConnect, true)
	}
	_, err := get(t, n, args{"url": s.URL})
	f := failure(t, err, events.ReasonConnect, true)
	require.False(t, f.Deferred)
	require.Positive(t, f.After)
	require.ErrorContains(t, err, "has not answered 5 times in a row, last: connection refused; next try in ")
	out, err := run(t.Context(), t, n, "http.check", args{"url": s.URL})
	require.ErrorContains(t, err, "dial tcp")
	require.Contains(t, string(out.Value), `"up":false`)
}

func TestTurns_last_until_the_body_is_read_and_waiting_for_one_gives_the_place_away(t *testing.T) {
	enter, leave := make(chan string, 2), make(chan struct{})
	s := site(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		enter <- r.URL.Path
		<-leave
	})
	n := network(t, limit(politeness.Limit{Concurrency: 1}))
	parked, resumed := make(chan struct{}, 1), make(chan struct{}, 1)
	in := func(path string) ops.Input {
		with, err := json.Marshal(args{"url": s.URL + path})
		require.NoError(t, err)
		return ops.Input{With: with, Parking: func() func() {
			parked <- struct{}{}
			return func() { resumed <- struct{}{} }
		}}
	}
	done := make(chan error, 2)
	fetch := func(in ops.Input) { _, err := n.Ops()["http.get"].Run(t.Context(), in); done <- err }
	go fetch(in("/first"))
	require.Equal(t, "/first", <-enter)
	go fetch(in("/second"))
	<-parked
	require.Empty(t, enter)
	leave <- struct{}{}
	<-resumed
	require.Equal(t, "/second", <-enter)
	leave <- struct{}{}
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	require.Empty(t, n.Politeness().Snapshot())
}

func TestTurns_are_asked_for_at_each_host_of_a_redirect(t *testing.T) {
	last := site(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("here")) })
	first := site(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, last.URL, http.StatusFound) })
	n := network(t, limit(politeness.Limit{Concurrency: 1}))
	for range 3 { // more than there would be turns if one were not given back
		out, err := get(t, n, args{"url": first.URL})
		require.NoError(t, err)
		require.Equal(t, "here", string(out.Body))
	}
}

func TestTurns_can_be_wished_to_be_fewer(t *testing.T) {
	s := site(t, func(http.ResponseWriter, *http.Request) {})
	n := network(t)
	_, err := get(t, n, args{"url": s.URL, "host_rate": 0.01})
	require.NoError(t, err)
	_, err = get(t, n, args{"url": s.URL, "host_rate": 0.01, "host_concurrency": 1})
	require.Greater(t, deferred(t, err).After, time.Minute)
	for _, name := range []string{"host_rate", "host_concurrency"} {
		_, err = get(t, n, args{"url": s.URL, name: -1})
		fails(t, err, events.ReasonInvalidParameter, false)
		require.ErrorContains(t, err, name)
	}
}

func TestTurns_are_not_waited_for_at_the_cost_of_the_host(t *testing.T) {
	s := site(t, func(http.ResponseWriter, *http.Request) {})
	n := network(t)
	var parked, resumed, before time.Time
	with, err := json.Marshal(args{"url": s.URL, "host_rate": 2})
	require.NoError(t, err)
	in := ops.Input{With: with, Parking: func() func() {
		parked = time.Now()
		return func() { resumed = time.Now() }
	}}
	for parked.IsZero() { // the second one waits, unless the first has taken half a second
		began := time.Now()
		out, err := n.Ops()["http.get"].Run(t.Context(), in)
		require.NoError(t, err)
		inAll, waited := time.Since(began), resumed.Sub(parked)
		require.LessOrEqual(t, out.Fetch.ElapsedMS, float64((inAll-waited).Microseconds())/1000)
		if parked.IsZero() {
			before = began
		}
	}
	require.GreaterOrEqual(t, resumed.Sub(before), 400*time.Millisecond)
}

func TestTurns_that_are_called_off_say_nothing_about_the_host(t *testing.T) {
	asked := make(chan struct{})
	s := site(t, func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	n := network(t)
	for range 6 {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-asked
			cancel()
		}()
		_, err := run(ctx, t, n, "http.get", args{"url": s.URL})
		require.ErrorIs(t, err, context.Canceled)
	}
	require.Empty(t, n.Politeness().Snapshot())
}

func TestOutcome(t *testing.T) {
	for _, row := range []struct {
		taken useragent.Taken
		want  politeness.Result
	}{
		{useragent.Taken{Status: 200}, politeness.Answered},
		{useragent.Taken{Status: 500}, politeness.Answered},
		{useragent.Taken{Status: 429}, politeness.Overloaded},
		{useragent.Taken{Status: 503}, politeness.Unavailable},
		{useragent.Taken{Status: 503, RetryAfter: 1}, politeness.Overloaded},
		{useragent.Taken{Err: ops.Retry(events.ReasonConnect, nil)}, politeness.Unreachable},
		{useragent.Taken{Err: ops.Retry(events.ReasonTimeout, nil)}, politeness.Unreachable},
		{useragent.Taken{Err: ops.Retry(events.ReasonDNS, nil)}, politeness.Unreachable},
		{useragent.Taken{Err: ops.Fail(events.ReasonDNS, nil)}, politeness.Unknown},
		{useragent.Taken{Err: ops.Fail(events.ReasonTLS, nil)}, politeness.Answered},
		{useragent.Taken{Err: ops.Retry(events.ReasonProtocol, nil)}, politeness.Answered},
		{useragent.Taken{Err: ops.Fail(events.ReasonForbiddenTarget, nil)}, politeness.Unknown},
		{useragent.Taken{Err: context.Canceled}, politeness.Unknown},
		{useragent.Taken{}, politeness.Unknown},
	} {
		require.Equal(t, row.want, outcome(row.taken).Result, "%+v", row.taken)
	}
}
