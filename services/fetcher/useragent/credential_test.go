package useragent

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// pass is a credential for some hosts.
type pass struct{ hosts map[string]bool }

func passFor(t *testing.T, urls ...string) pass {
	t.Helper()
	p := pass{map[string]bool{}}
	for _, raw := range urls {
		u, err := url.Parse(raw)
		require.NoError(t, err)
		p.hosts[u.Host] = true
	}
	return p
}

func (pass) Field() string                   { return "X-Pass" }
func (p pass) For(u *url.URL) (string, bool) { return "secret", p.hosts[u.Host] }
func (pass) Refusal(*url.URL) error {
	return ops.Fail(events.ReasonForbiddenTarget, errors.New("not there"))
}

func TestCredential_goes_along_where_it_may(t *testing.T) {
	seen := make(chan http.Header, 3)
	var to []string
	record := func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header
		if len(to) > 0 {
			next := to[0]
			to = to[1:]
			http.Redirect(w, r, next, http.StatusFound)
		}
	}
	a, b := site(t, record), site(t, record)
	agent := agent(t)
	passes := func(c Credential, redirects ...string) (values []string) {
		to = redirects
		_, err := fetch(t.Context(), agent, http.MethodGet, Request{URL: a.URL, Headers: headers{"X-Mine": "m"}, Credential: c})
		require.NoError(t, err)
		for range len(redirects) + 1 {
			values = append(values, (<-seen).Get("X-Pass"))
		}
		return values
	}
	require.Equal(t, []string{"secret"}, passes(passFor(t, a.URL)))
	require.Equal(t, []string{"secret", "secret"}, passes(passFor(t, a.URL), a.URL+"/x"))
	require.Equal(t, []string{"secret", ""}, passes(passFor(t, a.URL), b.URL))
	require.Equal(t, []string{"secret", "secret"}, passes(passFor(t, a.URL, b.URL), b.URL))
	require.Equal(t, []string{"secret", "", ""}, passes(passFor(t, a.URL), b.URL, a.URL), "a stranger has sent us back")
}

func TestCredential_is_refused(t *testing.T) {
	s := site(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
	a := agent(t)
	_, err := fetch(t.Context(), a, http.MethodPost, Request{URL: s.URL, Credential: passFor(t)})
	fails(t, err, events.ReasonForbiddenTarget, false)
	for _, name := range []string{"authorization", "x-pass"} {
		_, err := fetch(t.Context(), a, http.MethodGet, Request{URL: s.URL, Headers: headers{name: "v"}, Credential: passFor(t, s.URL)})
		fails(t, err, events.ReasonInvalidParameter, false)
		require.ErrorContains(t, err, "beside a credential")
	}
}

func TestOrigin_makes_a_request_one_of_a_stranger(t *testing.T) {
	seen := make(chan http.Header, 1)
	s := site(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header })
	a := agent(t)
	ask := func(origin string, c Credential) http.Header {
		u, err := url.Parse(origin)
		require.NoError(t, err)
		_, err = fetch(t.Context(), a, http.MethodGet, Request{
			URL: s.URL, Headers: headers{"X-Mine": "m", "Accept": "text/html"}, Credential: c, Origin: u,
		})
		require.NoError(t, err)
		return <-seen
	}
	h := ask(s.URL+"/first", passFor(t, s.URL))
	require.Equal(t, []string{"m", "secret", "text/html"}, []string{h.Get("X-Mine"), h.Get("X-Pass"), h.Get("Accept")})
	h = ask("http://example.com/", passFor(t, "http://example.com"))
	require.Equal(t, []string{"", "", "text/html"}, []string{h.Get("X-Mine"), h.Get("X-Pass"), h.Get("Accept")})
	h = ask("http://example.com/", passFor(t, s.URL))
	require.Equal(t, []string{"", "secret"}, []string{h.Get("X-Mine"), h.Get("X-Pass")}, "its hosts name it")
}
