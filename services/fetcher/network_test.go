package fetcher

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func TestNewNetwork_needs_no_settings(t *testing.T) {
	set, err := Builtin(NetConfig{})
	require.NoError(t, err)
	require.Equal(t, []string{"http.check", "http.get", "noop", "sleep"}, set.Names())
	cfg, err := NetConfig{}.withDefaults()
	require.NoError(t, err)
	require.Equal(t, "fetchmill/0.0.0-dev (+https://github.com/fetchmill/fetchmill)", cfg.UserAgent)
	require.EqualValues(t, 512<<10, cfg.MaxBodyBytes)
	require.Equal(t, 10, cfg.MaxRedirects)
	require.Equal(t, cfg.Concurrency, cfg.MaxIdleConnsPerHost)
}

func TestNewNetwork_reports_all_faults(t *testing.T) {
	_, err := NewNetwork(NetConfig{MaxBodyBytes: -1, MaxRedirects: -1, UserAgent: "a\r\nb"})
	require.ErrorContains(t, err, "largest body must not be negative")
	require.ErrorContains(t, err, "most redirects must not be negative")
	require.ErrorContains(t, err, "user agent")
}

func TestNoop_does_nothing(t *testing.T) {
	out, err := run(t.Context(), t, network(t), "noop", args{"whatever": 1})
	require.NoError(t, err)
	require.Equal(t, ops.Output{}, out)
}

func TestSleep(t *testing.T) {
	n := network(t)
	t.Run("sleeps as long as asked", func(t *testing.T) {
		start := time.Now()
		out, err := run(t.Context(), t, n, "sleep", args{"seconds": 0.03})
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Since(start), 30*time.Millisecond)
		require.JSONEq(t, `{"slept_s":0.03}`, string(out.Value))
	})
	t.Run("ends with its context", func(t *testing.T) {
		_, err := run(soon(t, 20*time.Millisecond), t, n, "sleep", args{"seconds": 86400})
		fails(t, err, events.ReasonTimeout, false)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = run(ctx, t, n, "sleep", args{"seconds": 86400})
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorAs(t, err, new(*ops.Failure))
	})
	t.Run("refuses other arguments", func(t *testing.T) {
		_, err := run(t.Context(), t, n, "sleep", args{})
		fails(t, err, events.ReasonMissingParameter, false)
		for _, a := range []args{{"seconds": -1}, {"seconds": 86401}, {"seconds": "1"}, {"seconds": 1, "x": 1}} {
			_, err := run(t.Context(), t, n, "sleep", a)
			fails(t, err, events.ReasonInvalidParameter, false)
		}
	})
}

func FuzzTarget(f *testing.F) {
	for _, with := range []string{
		`{"url":"http://example.com/"}`, `{"url":"https://[::1%25lo]:443/a?b#c","headers":{"X":"y"}}`, `{"url":"http://a:b@c"}`, `{"url":"http://x:/"}`, `{"url":"http://ä.example:99999"}`,
		`{"url":"http://x","headers":{"host":"y"},"accept":[200]}`, `{"url":"//x"}`, `[]`, `null`, `{"url":`, `{"url":"http://a\u0000b"}`,
	} {
		f.Add([]byte(with))
	}
	n, err := NewNetwork(NetConfig{})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, with []byte) {
		var a getArgs
		if err := (ops.Input{With: with}).Args(&a); err != nil {
			return
		}
		u, h, err := n.target(a.URL, a.Headers)
		if err != nil {
			require.False(t, ops.AsFailure(err).Temporary)
			require.LessOrEqual(t, len(err.Error()), maxErrorBytes+10)
			require.True(t, json.Valid(ops.JSON(err.Error())))
			return
		}
		require.Contains(t, []string{"http", "https"}, u.Scheme)
		require.NotEmpty(t, u.Hostname())
		require.Nil(t, u.User)
		require.Empty(t, h.Get("Host"))
		req, err := http.NewRequest(http.MethodGet, u.String(), nil)
		require.NoError(t, err, "an accepted url makes a request")
		require.Equal(t, strings.TrimSuffix(u.Host, ":"), req.URL.Host)
	})
}

func FuzzFollow(f *testing.F) {
	for _, l := range []string{"/a", "//b/c", "https://c:1/", "file:///x", "javascript:x", "http://u@v/", "?q", "#f", "", "http://[::ffff:7f00:1]/", "\xff"} {
		f.Add(l)
	}
	from, err := url.Parse("http://example.com/a/b")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, location string) {
		next, err := follow(from, location)
		if err != nil {
			require.Contains(t, []events.Reason{events.ReasonForbiddenTarget, events.ReasonProtocol}, ops.AsFailure(err).Reason)
			return
		}
		require.NoError(t, checkURL(next))
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, v := range []string{"7", "-1", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon Jan  2 15:04:05 2006", "x"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		d := retryAfter(v, time.Now(), time.Minute)
		require.GreaterOrEqual(t, d, time.Duration(0))
		require.LessOrEqual(t, d, time.Minute)
	})
}
