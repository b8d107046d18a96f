package useragent

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func FuzzTarget(f *testing.F) {
	for _, with := range []string{
		`{"url":"http://example.com/"}`, `{"url":"https://[::1%25lo]:443/a?b#c","headers":{"X":"y"}}`, `{"url":"http://a:b@c"}`, `{"url":"http://x:/"}`, `{"url":"http://ä.example:99999"}`,
		`{"url":"http://x","headers":{"host":"y"},"accept":[200]}`, `{"url":"//x"}`, `[]`, `null`, `{"url":`, `{"url":"http://a\u0000b"}`,
	} {
		f.Add([]byte(with))
	}
	web, err := New(Config{})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, with []byte) {
		var args struct {
			URL     string            `json:"url"`
			Headers map[string]string `json:"headers"`
			Accept  []int             `json:"accept"`
		}
		if err := (ops.Input{With: with}).Args(&args); err != nil {
			return
		}
		u, h, err := web.target(args.URL, args.Headers)
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
