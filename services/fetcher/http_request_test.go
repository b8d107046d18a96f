package fetcher

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/secret"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/credentials"
)

// told is what a server was told.
type told struct {
	Method, Body, Query string
	Header              http.Header
}

// witness is a site that tells back what it was told.
func witness(t *testing.T) (address string, last func() told) {
	t.Helper()
	seen := make(chan told, 10)
	s := site(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen <- told{r.Method, string(body), r.URL.RawQuery, r.Header}
	})
	return s.URL, func() told { return <-seen }
}

func request(t *testing.T, n *Network, a args) (ops.Output, error) {
	t.Helper()
	with, err := json.Marshal(a)
	require.NoError(t, err)
	return n.Ops()["http.request"].Run(t.Context(), ops.Input{With: with, Attempt: 1, ID: "item-1"})
}

func TestRequest_sends_a_method_and_a_body(t *testing.T) {
	address, last := witness(t)
	n := network(t)
	for name, c := range map[string]struct {
		args                args
		method, body, media string
	}{
		"GET unless told":   {args{}, "GET", "", ""},
		"in upper case":     {args{"method": "delete"}, "DELETE", "", ""},
		"a word of its own": {args{"method": "PROPFIND"}, "PROPFIND", "", ""},
		"JSON as written":   {args{"method": "POST", "json": json.RawMessage(`{"n": 12345678901234567890, "b":1.50}`)}, "POST", `{"n":12345678901234567890,"b":1.50}`, "application/json"},
		"JSON null":         {args{"method": "PUT", "json": nil}, "PUT", "null", "application/json"},
		"text":              {args{"method": "POST", "text": "ä"}, "POST", "ä", "text/plain; charset=utf-8"},
		"empty text":        {args{"method": "POST", "text": ""}, "POST", "", "text/plain; charset=utf-8"},
		"a form":            {args{"method": "POST", "form": args{"b": []any{1, true, "x y"}, "a": "&", "c": nil}}, "POST", "a=%26&b=1&b=true&b=x+y", "application/x-www-form-urlencoded"},
		"bytes":             {args{"method": "PATCH", "base64": "AP8="}, "PATCH", "\x00\xff", "application/octet-stream"},
		"a type of its own": {args{"method": "POST", "text": "<a/>", "headers": args{"content-type": "text/xml"}}, "POST", "<a/>", "text/xml"},
	} {
		t.Run(name, func(t *testing.T) {
			c.args["url"] = address
			_, err := request(t, n, c.args)
			require.NoError(t, err)
			got := last()
			require.Equal(t, c.method, got.Method)
			require.Equal(t, c.body, got.Body)
			require.Equal(t, c.media, got.Header.Get("Content-Type"))
		})
	}
}

func TestRequest_adds_a_query_to_the_URL(t *testing.T) {
	address, last := witness(t)
	n := network(t)
	for _, op := range []string{"http.get", "http.request", "http.pages"} {
		_, err := run(t.Context(), t, n, op, args{"url": address + "/?z=%20a;b", "query": args{"q": "a b&c=ä", "n": 12345678901234567, "l": []any{1, nil, "2"}, "x": nil}})
		require.NoError(t, err)
		require.Equal(t, "z=%20a;b&l=1&l=2&n=12345678901234567&q=a+b%26c%3D%C3%A4", last().Query)
	}
}

func TestRequest_has_a_key_where_a_second_one_would_do_something_again(t *testing.T) {
	address, last := witness(t)
	n := network(t)
	for name, c := range map[string]struct {
		args args
		want string
	}{
		"POST":                 {args{"method": "POST"}, `"item-1"`},
		"PATCH":                {args{"method": "patch", "idempotency_key": "auto"}, `"item-1"`},
		"not PUT":              {args{"method": "PUT"}, ""},
		"not GET":              {args{}, ""},
		"PUT if asked for":     {args{"method": "PUT", "idempotency_key": `my "key"`}, `"my \"key\""`},
		"not POST if unwanted": {args{"method": "POST", "idempotency_key": "none"}, ""},
		"a header of its own":  {args{"method": "POST", "headers": args{"idempotency-key": "mine"}}, "mine"},
	} {
		t.Run(name, func(t *testing.T) {
			c.args["url"] = address
			_, err := request(t, n, c.args)
			require.NoError(t, err)
			require.Equal(t, c.want, last().Header.Get("Idempotency-Key"))
		})
	}
	t.Run("an id of other characters is hashed", func(t *testing.T) {
		key, err := idempotencyKey("", "POST", "ä\n")
		require.NoError(t, err)
		require.Equal(t, `"`+events.IDFromKey("ä\n")+`"`, key)
	})
}

func TestRequest_keeps_the_key_with_the_body_after_a_redirect(t *testing.T) {
	other, last := witness(t)
	status := 307
	s := site(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other, status) })
	n := network(t)
	a := args{"url": s.URL, "method": "POST", "json": 1, "headers": args{"X-Secret": "s"}}
	_, err := request(t, n, a)
	require.NoError(t, err)
	got := last()
	require.Equal(t, []string{"POST", "1", `"item-1"`, ""}, []string{got.Method, got.Body, got.Header.Get("Idempotency-Key"), got.Header.Get("X-Secret")})
	status = 303
	_, err = request(t, n, a)
	require.NoError(t, err)
	got = last()
	require.Equal(t, []string{"GET", "", "", ""}, []string{got.Method, got.Body, got.Header.Get("Idempotency-Key"), got.Header.Get("Content-Type")})
}

func TestRequest_refuses_arguments_that_make_no_request(t *testing.T) {
	n := network(t)
	for name, a := range map[string]args{
		"CONNECT":            {"method": "connect"},
		"TRACE":              {"method": "TRACE"},
		"two words":          {"method": "GET /"},
		"a long word":        {"method": strings.Repeat("A", 33)},
		"two bodies":         {"text": "a", "json": 1},
		"broken base64":      {"base64": "%"},
		"an object in query": {"query": args{"a": args{"b": 1}}},
		"a list in a list":   {"form": args{"a": []any{[]any{1}}}},
		"a long body":        {"text": strings.Repeat("a", maxPayloadBytes+1)},
		"a key with a break": {"idempotency_key": "a\nb"},
		"a long key":         {"idempotency_key": strings.Repeat("a", 256)},
		"what is not known":  {"body": "x"},
		"a status":           {"accept": []int{99}},
		"revalidating POST":  {"method": "POST", "revalidate": true},
		"no credential":      {"auth": "nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			a["url"] = "http://127.0.0.1:1/"
			_, err := request(t, n, a)
			fails(t, err, events.ReasonInvalidParameter, false)
		})
	}
	_, err := request(t, n, args{"query": args{"a": 1}})
	fails(t, err, events.ReasonMissingParameter, false)
}

// withCredential gives a network a bearer token for some hosts.
func withCredential(t *testing.T, hosts ...string) func(*NetConfig) {
	t.Helper()
	set, err := credentials.Parse([]byte("api:\n  bearer: s3cr3t\n  http: true\n  hosts: ['"+strings.Join(hosts, "', '")+"']\n"), secret.Source{})
	require.NoError(t, err)
	return func(c *NetConfig) { c.Credentials = set }
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Host
}

func TestAuth_sends_a_credential_where_it_may_go(t *testing.T) {
	address, last := witness(t)
	n := network(t, withCredential(t, hostOf(t, address)))
	for _, op := range []string{"http.get", "http.request", "http.pages"} {
		_, err := run(t.Context(), t, n, op, args{"url": address, "auth": "api"})
		require.NoError(t, err)
		require.Equal(t, "Bearer s3cr3t", last().Header.Get("Authorization"))
	}
	for reason, a := range map[events.Reason]args{
		events.ReasonForbiddenTarget:  {"url": "https://example.com/", "auth": "api"},
		events.ReasonInvalidParameter: {"url": address, "auth": "api", "headers": args{"authorization": "mine"}},
	} {
		_, err := get(t, n, a)
		fails(t, err, reason, false)
		require.NotContains(t, err.Error(), "s3cr3t")
	}
	_, err := get(t, n, args{"url": address, "auth": "apj"})
	require.ErrorContains(t, err, "there are api")
}

func FuzzRequest(f *testing.F) {
	for _, with := range []string{
		`{"url":"http://a/","method":"post","json":{"a":1}}`, `{"url":"http://a/?b","query":{"c":[1,null,"d"]},"form":{"e":false}}`, `{"url":"http://a","base64":"AA==","idempotency_key":"\\\""}`,
		`{"url":"http://a","headers":{"Content-Type":"x","idempotency-key":""},"text":""}`, `{"query":{"":[]}}`, `{"url":"//","query":{"a":1e999}}`,
	} {
		f.Add(with, "id")
	}
	n, err := NewNetwork(NetConfig{})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, with, id string) {
		var args requestArgs
		if (ops.Input{With: []byte(with)}).Args(&args) != nil {
			return
		}
		r, err := n.fetchFor(ops.Input{ID: id}, args)
		if err == nil {
			_, err = n.agent.Exchange(r.request)
		}
		if err != nil {
			require.Contains(t, []events.Reason{events.ReasonInvalidParameter, events.ReasonMissingParameter}, ops.AsFailure(err).Reason)
			require.True(t, json.Valid(ops.JSON(err.Error())))
			return
		}
		req, err := http.NewRequest(r.method, r.request.URL, nil)
		require.NoError(t, err, "what is accepted makes a request")
		require.NotContains(t, []string{"CONNECT", "TRACE"}, req.Method)
	})
}
