package useragent

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const date = "Sat, 25 Jul 2026 12:00:00 GMT"

func TestVersion_is_what_the_server_calls_it_and_lets_us_keep(t *testing.T) {
	var answer http.Header
	status := 200
	s := site(t, func(w http.ResponseWriter, _ *http.Request) {
		for k, v := range answer {
			w.Header()[k] = v
		}
		w.WriteHeader(status)
	})
	a := agent(t)
	version := func(h http.Header) (Version, bool) {
		answer = h
		x, err := a.Exchange(Request{URL: s.URL + "/a"})
		require.NoError(t, err)
		resp, err := x.Send(t.Context(), http.MethodGet)
		require.NoError(t, err)
		defer Discard(resp)
		return x.Version(resp)
	}
	for _, c := range []struct {
		header     http.Header
		tag, since string
	}{
		{http.Header{"Etag": {`"a"`}}, `"a"`, ""},
		{http.Header{"Etag": {`W/"a"`}, "Last-Modified": {date}}, `W/"a"`, date},
		{http.Header{"Etag": {`a`}, "Last-Modified": {date}}, "", date},
		{http.Header{"Etag": {`"a"`}, "Last-Modified": {"yesterday"}, "Cache-Control": {"no-cache, max-age=0"}, "Vary": {"Accept"}}, `"a"`, ""},
		{http.Header{"Etag": {`"` + strings.Repeat("a", 2000) + `"`}, "Last-Modified": {date}}, "", date},
	} {
		v, ok := version(c.header)
		require.True(t, ok, c)
		require.Equal(t, Version{URL: s.URL + "/a", ETag: c.tag, LastModified: c.since}, v)
	}
	for _, h := range []http.Header{
		nil,
		{"Etag": {`a`}},
		{"Etag": {`"a"b"`}},
		{"Etag": {`"`}},
		{"Etag": {`"a"`}, "Cache-Control": {"private, No-Store"}},
		{"Etag": {`"a"`}, "Cache-Control": {"private", `no-store="x"`}},
		{"Etag": {`"a"`}, "Vary": {"Accept, *"}},
	} {
		_, ok := version(h)
		require.False(t, ok, h)
	}
	status = 203
	_, ok := version(http.Header{"Etag": {`"a"`}})
	require.False(t, ok, "a proxy has changed it")
}

func TestKnown_version_is_asked_for_at_its_own_URL_only(t *testing.T) {
	var moved bool
	var tag string
	var conditions []string
	s := site(t, func(w http.ResponseWriter, r *http.Request) {
		conditions = append(conditions, r.Header.Get("If-None-Match")+r.Header.Get("If-Modified-Since"))
		if moved && r.URL.Path == "/a" {
			http.Redirect(w, r, "/b", http.StatusFound)
			return
		}
		if tag != "" {
			w.Header().Set("ETag", tag)
		}
		w.WriteHeader(http.StatusNotModified)
	})
	a := agent(t)
	confirmed := func(at string) (bool, []string) {
		conditions = nil
		x, err := a.Exchange(Request{URL: s.URL + "/a", Known: &Version{URL: s.URL + at, ETag: `"v1"`, LastModified: date}})
		require.NoError(t, err)
		resp, err := x.Send(t.Context(), http.MethodGet)
		require.NoError(t, err)
		defer Discard(resp)
		return x.Confirmed(resp), conditions
	}
	yes, asked := confirmed("/a")
	require.True(t, yes)
	require.Equal(t, []string{`"v1"` + date}, asked)
	tag = `W/"v1"`
	yes, _ = confirmed("/a")
	require.True(t, yes, "a weak comparison")
	tag = `"v2"`
	yes, _ = confirmed("/a")
	require.False(t, yes, "the server speaks of another version")
	tag, moved = "", true
	yes, asked = confirmed("/a")
	require.False(t, yes)
	require.Equal(t, []string{`"v1"` + date, ""}, asked)
	yes, asked = confirmed("/b")
	require.True(t, yes)
	require.Equal(t, []string{"", `"v1"` + date}, asked)
}

func FuzzVersion(f *testing.F) {
	f.Add(`W/"a"`, date, "no-cache", "Accept")
	f.Add(`"`, "Sat", `no-store="`, "*,")
	f.Fuzz(func(t *testing.T, tag, modified, control, vary string) {
		x := &Exchange{at: mustURL(t, "http://a/")}
		v, keep := x.Version(&http.Response{StatusCode: 200, Header: http.Header{
			"Etag": {tag}, "Last-Modified": {modified}, "Cache-Control": {control}, "Vary": {vary},
		}})
		if !keep {
			return
		}
		h := http.Header{}
		v.condition(h)
		require.NotEmpty(t, h)
		for name, values := range h {
			require.NoError(t, CheckField(name, values[0]))
		}
		require.NotEqual(t, "no-store", strings.ToLower(control))
	})
}
