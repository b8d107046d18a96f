package fetcher

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// repositories is an API with 95 repositories, 10 on a page.
func repositories(w http.ResponseWriter, r *http.Request) {
	number := 1
	if p := r.URL.Query().Get("page"); p != "" {
		number, _ = strconv.Atoi(p)
	}
	var list []args
	for i := (number - 1) * 10; i < min(95, number*10); i++ {
		list = append(list, args{"name": fmt.Sprintf("repo-%d", i+1), "stars": i})
	}
	write := func(v any) { _, _ = w.Write(ops.JSON(v)) }
	next := fmt.Sprintf("%s?page=%d", r.URL.Path, number+1)
	switch r.URL.Path {
	case "/link":
		if number < 10 {
			w.Header().Add("Link", fmt.Sprintf(`<?page=1>; rel="first", <%s>; rel="next"`, next))
		}
		write(list)
	case "/json":
		var then any
		if number < 10 {
			then = next
		}
		write(args{"data": list, "links": args{"next": then}})
	case "/cursor":
		then := 0
		if number < 10 {
			then = number + 1
		}
		write(args{"items": list, "meta": args{"cursor": then}})
	case "/empty":
		if list == nil {
			list = []args{}
		}
		write(list)
	case "/missing":
		if list == nil {
			http.NotFound(w, r)
			return
		}
		write(args{"results": list})
	}
}

type walked struct {
	names []string
	value pagesValue
	out   ops.Output
}

func walkPages(t *testing.T, n *Network, a args) (walked, error) {
	t.Helper()
	out, err := run(t.Context(), t, n, "http.pages", a)
	if err != nil {
		return walked{out: out}, err
	}
	w := walked{out: out}
	var items []struct{ Name string }
	require.NoError(t, json.Unmarshal(out.Body, &items), string(out.Body))
	require.NoError(t, json.Unmarshal(out.Value, &w.value))
	require.Len(t, items, w.value.Items)
	for _, item := range items {
		w.names = append(w.names, item.Name)
	}
	return w, nil
}

func TestPages_follows_all_kinds_of_pagination(t *testing.T) {
	s := site(t, repositories)
	n := network(t)
	for name, c := range map[string]struct {
		args  args
		pages int
	}{
		"the header Link":         {args{"url": s.URL + "/link"}, 10},
		"the header Link, named":  {args{"url": s.URL + "/link?page=1", "next": "link"}, 10},
		"a URL in the page":       {args{"url": s.URL + "/json", "next": args{"json": ".links.next"}}, 10},
		"a cursor in the page":    {args{"url": s.URL + "/cursor", "next": args{"json": ".meta.cursor | select(. > 0)", "param": "page"}}, 10},
		"until an empty page":     {args{"url": s.URL + "/empty", "next": args{"param": "page"}}, 11},
		"until a page is missing": {args{"url": s.URL + "/missing", "next": args{"param": "page", "start": 1, "step": 1}}, 10},
		"with a query for items":  {args{"url": s.URL + "/json", "next": args{"json": ".links.next"}, "items": ".data[] | {name}"}, 10},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := walkPages(t, n, c.args)
			require.NoError(t, err)
			require.Equal(t, pagesValue{Pages: c.pages, Items: 95, Complete: true}, w.value)
			require.Equal(t, []string{"repo-1", "repo-11", "repo-95"}, []string{w.names[0], w.names[10], w.names[94]})
			require.Greater(t, w.out.Fetch.Bytes, int64(95*20), "the bytes of all pages")
			require.Positive(t, w.out.Fetch.Phases.FirstByte)
		})
	}
}

func TestPages_ends_at_limits(t *testing.T) {
	s := site(t, repositories)
	n := network(t)
	t.Run("those of the item are meant", func(t *testing.T) {
		for name, want := range map[string]pagesValue{
			"max_pages": {Pages: 3, Items: 30}, "max_items": {Pages: 1, Items: 3},
		} {
			w, err := walkPages(t, n, args{"url": s.URL + "/link", name: 3})
			require.NoError(t, err)
			require.Equal(t, want, w.value)
		}
		for limit, want := range map[int]pagesValue{95: {10, 95, true}, 94: {10, 94, false}, 20: {2, 20, false}, 25: {3, 25, false}} {
			w, err := walkPages(t, n, args{"url": s.URL + "/link", "max_items": limit})
			require.NoError(t, err)
			require.Equal(t, want, w.value)
		}
	})
	t.Run("the usual ones are failures", func(t *testing.T) {
		endless := site(t, func(w http.ResponseWriter, r *http.Request) {
			page, _ := strconv.Atoi(r.URL.Query().Get("p"))
			fmt.Fprintf(w, "[%d]", page)
		})
		_, err := walkPages(t, n, args{"url": endless.URL, "next": args{"param": "p", "start": -5, "step": 10}})
		fails(t, err, events.ReasonTooLarge, false)
		require.ErrorContains(t, err, "set max_pages")
	})
	t.Run("items that do not fit fail", func(t *testing.T) {
		s := site(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "[%q]", strings.Repeat("a", inlineBytes)) })
		_, err := walkPages(t, n, args{"url": s.URL})
		fails(t, err, events.ReasonTooLarge, false)
		require.ErrorContains(t, err, "argument items")
		w, err := run(t.Context(), t, n, "http.pages", args{"url": s.URL, "items": ".[]|length"})
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("[%d]", inlineBytes), string(w.Body))
	})
	t.Run("a page that is too large fails", func(t *testing.T) {
		s := site(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(maxPageBytes+1))
			_, _ = io.CopyN(w, zeros{}, maxPageBytes+1)
		})
		_, err := walkPages(t, n, args{"url": s.URL})
		fails(t, err, events.ReasonTooLarge, false)
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestPages_says_on_which_page_it_failed(t *testing.T) {
	var answer func(w http.ResponseWriter, page int)
	var elsewhere string
	s := site(t, func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		if page < 3 {
			w.Header().Set("Link", fmt.Sprintf(`<?page=%d>; rel=next`, page+1))
			fmt.Fprint(w, `[{"name":"x"}]`)
			return
		}
		answer(w, page)
	})
	n := network(t)
	for name, c := range map[string]struct {
		answer    func(w http.ResponseWriter, page int)
		reason    events.Reason
		temporary bool
		text      string
	}{
		"a status":      {func(w http.ResponseWriter, _ int) { w.WriteHeader(503) }, events.ReasonHTTPStatus, true, "status 503"},
		"404 of a link": {func(w http.ResponseWriter, _ int) { w.WriteHeader(404) }, events.ReasonHTTPStatus, false, "status 404"},
		"no JSON":       {func(w http.ResponseWriter, _ int) { fmt.Fprint(w, "<html>") }, events.ReasonComputation, false, "not JSON"},
		"a circle": {func(w http.ResponseWriter, _ int) {
			w.Header().Set("Link", "<?page=2#x>; rel=next")
			fmt.Fprint(w, "[]")
		}, events.ReasonProtocol, false, "round in a circle"},
		"another server": {func(w http.ResponseWriter, _ int) {
			w.Header().Set("Link", "<"+elsewhere+">; rel=next")
			fmt.Fprint(w, "[]")
		}, events.ReasonForbiddenTarget, false, "set cross_origin"},
		"a forbidden URL": {func(w http.ResponseWriter, _ int) {
			w.Header().Set("Link", "<file:///etc/passwd>; rel=next")
			fmt.Fprint(w, "[]")
		}, events.ReasonForbiddenTarget, false, "scheme"},
		"a URL that is not": {func(w http.ResponseWriter, _ int) {
			w.Header().Set("Link", "<http://%zz>; rel=next")
			fmt.Fprint(w, "[]")
		}, events.ReasonProtocol, false, "%zz"},
	} {
		t.Run(name, func(t *testing.T) {
			answer, elsewhere = c.answer, "http://127.0.0.1:1/"
			w, err := walkPages(t, n, args{"url": s.URL})
			fails(t, err, c.reason, c.temporary)
			require.ErrorContains(t, err, "page 4: ")
			require.ErrorContains(t, err, c.text)
			require.NotNil(t, w.out.Fetch)
			require.Nil(t, w.out.Body)
		})
	}
	t.Run("and how long to wait", func(t *testing.T) {
		answer = func(w http.ResponseWriter, _ int) { w.Header().Set("Retry-After", "7"); w.WriteHeader(429) }
		_, err := walkPages(t, n, args{"url": s.URL})
		require.Equal(t, 7*time.Second, ops.AsFailure(err).After)
	})
}

func TestPages_knows_a_server_that_does_not_count(t *testing.T) {
	s := site(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[{"name":"x"}]`) })
	_, err := walkPages(t, network(t), args{"url": s.URL, "next": args{"param": "page"}})
	fails(t, err, events.ReasonProtocol, false)
	require.ErrorContains(t, err, "page 2: ")
}

func TestPages_leaves_secrets_behind_on_its_way_to_another_server(t *testing.T) {
	other, last := witness(t)
	s := site(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "<"+other+">; rel=next")
		fmt.Fprint(w, "[]")
	})
	n := network(t, withCredential(t, hostOf(t, s.URL)))
	w, err := walkPages(t, n, args{"url": s.URL, "cross_origin": true, "auth": "api", "headers": args{"X-Key": "k", "Accept": "text/json"}})
	require.NoError(t, err)
	require.Equal(t, pagesValue{Pages: 2, Complete: true}, w.value)
	h := last().Header
	require.Equal(t, []string{"", "", "text/json"}, []string{h.Get("Authorization"), h.Get("X-Key"), h.Get("Accept")})
}

func TestPages_ends_with_its_time(t *testing.T) {
	var requests atomic.Int64
	s := site(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `[%d]`, requests.Add(1))
	})
	n := network(t)
	_, err := run(soon(t, 50*time.Millisecond), t, n, "http.pages", args{"url": s.URL, "items": "last(range(infinite))"})
	fails(t, err, events.ReasonTimeout, true)
	_, err = run(soon(t, 50*time.Millisecond), t, n, "http.pages", args{"url": s.URL, "next": args{"json": "last(range(infinite))"}})
	fails(t, err, events.ReasonTimeout, true)
	_, err = run(soon(t, 100*time.Millisecond), t, n, "http.pages", args{"url": s.URL, "next": args{"param": "p"}, "max_pages": 10_000, "max_items": 1_000_000})
	fails(t, err, events.ReasonTimeout, true)
}

func TestPages_refuses_arguments_that_make_no_sense(t *testing.T) {
	n := network(t)
	for name, a := range map[string]args{
		"a faulty URL":          {"url": "ftp://a/"},
		"a faulty query":        {"items": ".["},
		"no way to the next":    {"next": "prev"},
		"a number as next":      {"next": 1},
		"an empty next":         {"next": args{}},
		"an unknown next":       {"next": args{"header": "x"}},
		"a faulty next":         {"next": args{"json": ".["}},
		"json with a start":     {"next": args{"json": ".a", "param": "p", "start": 1}},
		"a step of 0":           {"next": args{"param": "p", "step": 0}},
		"a start far away":      {"next": args{"param": "p", "start": 1 << 50}},
		"no pages":              {"max_pages": 0},
		"too many pages":        {"max_pages": 10_001},
		"too many items":        {"max_items": 1_000_001},
		"a method":              {"method": "GET"},
		"a faulty header":       {"headers": args{"Host": "x"}},
		"an unknown credential": {"auth": "x"},
	} {
		t.Run(name, func(t *testing.T) {
			if a["url"] == nil {
				a["url"] = "http://127.0.0.1:1/"
			}
			_, err := walkPages(t, n, a)
			fails(t, err, events.ReasonInvalidParameter, false)
			require.NotContains(t, err.Error(), "page 1")
		})
	}
	_, err := walkPages(t, n, args{})
	fails(t, err, events.ReasonMissingParameter, false)
}

func FuzzPages(f *testing.F) {
	for _, with := range []string{
		`{"url":"http://a/"}`, `{"url":"http://a/?p=1&q","next":{"param":"p","start":-1,"step":100}}`, `{"url":"http://a","next":{"json":".x","param":"c"},"items":".y[]"}`,
		`{"url":"http://a","next":"link","max_items":1}`, `{"next":[]}`, `{"url":"http://a/%zz?%zz=%zz#","next":{"param":"%zz"}}`,
	} {
		f.Add(with)
	}
	n, err := NewNetwork(NetConfig{})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, with string) {
		var args pagesArgs
		if (ops.Input{With: []byte(with)}).Args(&args) != nil {
			return
		}
		w, err := n.walkFor(ops.Input{}, args)
		if err != nil {
			require.Contains(t, []events.Reason{events.ReasonInvalidParameter, events.ReasonMissingParameter}, ops.AsFailure(err).Reason)
			return
		}
		count, counts := w.plan.next.(byCount)
		if !counts {
			return
		}
		second, err := count.next(t.Context(), found{items: 1, number: 1, first: w.plan.first})
		require.NoError(t, err)
		require.NotEqual(t, w.plan.first.String(), second.String())
		require.Equal(t, w.plan.first.Host, second.Host)
	})
}
