package recipe_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/pkg/events"

	"github.com/stretchr/testify/require"
)

func get(t testing.TB, name string) *recipe.Recipe {
	t.Helper()
	catalog, err := recipe.Builtins()
	require.NoError(t, err)
	r, err := catalog.Find(name)
	require.NoError(t, err)
	return r
}

func text(s string) events.Input { return events.Input{Text: s} }

func object(s string) events.Input { return events.Input{Params: json.RawMessage(s)} }

func TestResolve_makes_the_order_of_every_builtin(t *testing.T) {
	for name, c := range map[string]struct {
		recipe, key, params, plan string
		in                        events.Input
	}{
		"uptime from text": {
			recipe: "uptime", in: text("http://127.0.0.1:9/x?a=1&b=2"), key: "http://127.0.0.1:9/x?a=1&b=2",
			params: `{"url":"http://127.0.0.1:9/x?a=1&b=2"}`,
			plan:   `{"fetch":{"op":"http.check","with":{"url":"http://127.0.0.1:9/x?a=1\u0026b=2"},"timeout_ms":20000,"attempts":1},"quiet":true}`,
		},
		"page from an object": {
			recipe: "page", in: object(` { "url" : "https:\/\/example.com/ü" } `), key: "https://example.com/ü",
			params: `{"url":"https://example.com/ü"}`,
			plan:   `{"fetch":{"op":"http.get","with":{"url":"https://example.com/ü"},"timeout_ms":30000,"attempts":5},"crunch":[{"op":"hash","with":{}}]}`,
		},
		"json with the default query": {
			recipe: "json", in: text("http://h/"), key: "http://h/",
			params: `{"select":".","url":"http://h/"}`,
			plan:   `{"fetch":{"op":"http.get","with":{"url":"http://h/"},"timeout_ms":30000,"attempts":5},"crunch":[{"op":"jq","with":{"query":"."}}]}`,
		},
		"json with a query": {
			recipe: "json", in: object(`{"url":"http://h/","select":".a[\"b\"]"}`), key: "http://h/",
			params: `{"select":".a[\"b\"]","url":"http://h/"}`,
			plan:   `{"fetch":{"op":"http.get","with":{"url":"http://h/"},"timeout_ms":30000,"attempts":5},"crunch":[{"op":"jq","with":{"query":".a[\"b\"]"}}]}`,
		},
		"api from text": {
			recipe: "api", in: text("http://h/"), key: "http://h/",
			params: `{"method":"GET","revalidate":false,"select":".","url":"http://h/"}`,
			plan:   `{"fetch":{"op":"http.request","with":{"method":"GET","revalidate":false,"url":"http://h/"},"timeout_ms":30000,"attempts":5},"crunch":[{"op":"jq","with":{"optional":true,"query":"."}}]}`,
		},
		"pages with a parameter": {
			recipe: "pages", in: object(`{"url":"http://h/","next":{"param":"page"},"max_items":5}`), key: "http://h/",
			params: `{"cross_origin":false,"max_items":5,"next":{"param":"page"},"select":".","url":"http://h/"}`,
			plan:   `{"fetch":{"op":"http.pages","with":{"cross_origin":false,"max_items":5,"next":{"param":"page"},"url":"http://h/"},"timeout_ms":300000,"attempts":3},"crunch":[{"op":"jq","with":{"query":"."}}]}`,
		},
		"sleep without anything": {
			recipe: "sleep", key: "1", params: `{"seconds":1}`,
			plan: `{"fetch":{"op":"sleep","with":{"seconds":1},"timeout_ms":86700000}}`,
		},
		"sleep for null seconds": {
			recipe: "sleep", in: object(`{"seconds":null}`), key: "1", params: `{"seconds":1}`,
			plan: `{"fetch":{"op":"sleep","with":{"seconds":1},"timeout_ms":86700000}}`,
		},
		"sleep for a fraction": {
			recipe: "sleep", in: text("0.25"), key: "0.25", params: `{"seconds":0.25}`,
			plan: `{"fetch":{"op":"sleep","with":{"seconds":0.25},"timeout_ms":86700000}}`,
		},
		"count from text": {
			recipe: "count", in: text("10000000"), key: "10000000", params: `{"n":10000000}`,
			plan: `{"crunch":[{"op":"count","with":{"to":10000000}}]}`,
		},
		"count with an exponent": {
			recipe: "count", in: object(`{"n":1e10}`), key: "10000000000", params: `{"n":10000000000}`,
			plan: `{"crunch":[{"op":"count","with":{"to":10000000000}}]}`,
		},
		"noop with a key": {
			recipe: "noop", in: text("two\nlines \"quoted\""), key: "two\nlines \"quoted\"", params: `{"key":"two\nlines \"quoted\""}`,
			plan: `{"fetch":{"op":"noop"},"crunch":[{"op":"noop"}]}`,
		},
		"noop without a key": {
			recipe: "noop", params: `{}`, plan: `{"fetch":{"op":"noop"},"crunch":[{"op":"noop"}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			order, err := get(t, c.recipe).Resolve(c.in)
			require.NoError(t, err)
			require.Equal(t, c.key, order.Key)
			require.Equal(t, c.params, string(order.Params))
			plan, err := json.Marshal(order.Plan)
			require.NoError(t, err)
			require.Equal(t, c.plan, string(plan))
		})
	}
}

func TestResolve_says_what_is_wrong_and_what_to_send(t *testing.T) {
	missing, invalid := events.ReasonMissingParameter, events.ReasonInvalidParameter
	for name, c := range map[string]struct {
		recipe string
		in     events.Input
		reason events.Reason
		param  string
		want   []string
	}{
		"nothing at all":        {"count", text(""), missing, "n", []string{`parameter "n" of recipe count is missing`, "nats pub work.count 10000000"}},
		"null":                  {"count", object(`{"n":null}`), missing, "n", nil},
		"text for a number":     {"count", text("many"), invalid, "n", []string{"must be a whole number, not many", "nats pub work.count 10000000"}},
		"a quoted number":       {"count", object(`{"n":"5"}`), invalid, "n", []string{`must be a whole number, not "5"`}},
		"a fraction":            {"count", text("1.5"), invalid, "n", []string{"must be a whole number, not 1.5"}},
		"below the minimum":     {"count", text("-1"), invalid, "n", []string{"must be at least 0, not -1"}},
		"above the maximum":     {"count", text("10000000001"), invalid, "n", []string{"must be at most 10000000000, not 10000000001"}},
		"out of range":          {"count", text("1e999"), invalid, "n", []string{"out of range"}},
		"not quite a number":    {"count", text("0x10"), invalid, "n", nil},
		"a number with a zero":  {"count", text("007"), invalid, "n", nil},
		"not a number":          {"sleep", text("NaN"), invalid, "seconds", nil},
		"no scheme":             {"page", text("example.com"), invalid, "url", []string{`did you mean "https://example.com"?`, "nats pub work.page https://example.com/"}},
		"another scheme":        {"page", text("ftp://example.com/"), invalid, "url", []string{"starts with https:// or http://"}},
		"no host":               {"page", text("http:///x"), invalid, "url", []string{"names no host"}},
		"a broken URL":          {"page", text("http://h/%zz"), invalid, "url", nil},
		"control characters":    {"page", object(`{"url":"http://h/\n"}`), invalid, "url", nil},
		"an array":              {"page", object(`{"url":["http://h/"]}`), invalid, "url", nil},
		"a misspelt parameter":  {"page", object(`{"url":"http://h/","ulr":1}`), invalid, "ulr", []string{`did you mean "url"?`, "recipe page knows robots, url"}},
		"a foreign parameter":   {"json", object(`{"url":"http://h/","zzz":1}`), invalid, "zzz", []string{"recipe json knows select, url"}},
		"parameters in a list":  {"page", object(`[1]`), invalid, "", []string{"not a JSON object"}},
		"broken JSON":           {"page", object(`{"url"`), invalid, "", []string{"not a JSON object"}},
		"an overlong parameter": {"json", object(`{"url":"http://h/","select":"` + strings.Repeat(".", 10001) + `"}`), invalid, "select", []string{"has 10001 characters: use at most 10000"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := get(t, c.recipe).Resolve(c.in)
			var p *recipe.ParamError
			require.ErrorAs(t, err, &p)
			require.Equal(t, c.reason, p.Reason)
			require.Equal(t, c.param, p.Param)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

const every = `
name: every
summary: has every type
params:
  s: {type: string, enum: [a, b]}
  b: {type: boolean}
  o: {type: object}
  x: {type: any}
  n: {type: number, enum: [1, 2.5]}
fetch:
  op: some.op
  with:
    fixed: {z: 1, a: [true, null, $5, "$UPPER"]}
    list: [$s, 1, $x]
    nested: {o: $o, b: $b}
    s: $s
`

func TestResolve_fills_in_arguments(t *testing.T) {
	r, err := recipe.Parse([]byte(every))
	require.NoError(t, err)
	for name, c := range map[string]struct{ in, with, params string }{
		"leaving out what is absent": {
			`{}`, `{"fixed":{"a":[true,null,"$5","$UPPER"],"z":1},"list":[1],"nested":{}}`, `{}`,
		},
		"of every type": {
			`{"x": null, "s": "a", "b": false, "o": {"k": [1, 2]}, "n": 2.5}`,
			`{"fixed":{"a":[true,null,"$5","$UPPER"],"z":1},"list":["a",1,null],"nested":{"b":false,"o":{"k":[1,2]}},"s":"a"}`,
			`{"b":false,"n":2.5,"o":{"k":[1,2]},"s":"a","x":null}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			order, err := r.Resolve(object(c.in))
			require.NoError(t, err)
			require.Equal(t, c.with, string(order.Plan.Fetch.With))
			require.Equal(t, c.params, string(order.Params))
			require.Empty(t, order.Key)
		})
	}
}

func TestResolve_refuses_text_without_a_primary_parameter(t *testing.T) {
	r, err := recipe.Parse([]byte(every))
	require.NoError(t, err)
	_, err = r.Resolve(text("hello"))
	require.ErrorContains(t, err, "recipe every takes no plain text: send its parameters as a JSON object")
	_, err = r.Resolve(object(`{"s":"c"}`))
	require.ErrorContains(t, err, `must be one of "a", "b", not "c"`)
}

func TestResolve_shares_what_depends_on_no_parameter(t *testing.T) {
	r := get(t, "page")
	a, err := r.Resolve(text("http://a/"))
	require.NoError(t, err)
	b, err := r.Resolve(text("http://b/"))
	require.NoError(t, err)
	require.Same(t, &a.Plan.Crunch[0], &b.Plan.Crunch[0])
	require.NotSame(t, a.Plan.Fetch, b.Plan.Fetch)
	require.JSONEq(t, `{"url":"http://a/"}`, string(a.Plan.Fetch.With))
}

func TestParamsFromText_reads_cells_by_type(t *testing.T) {
	r, err := recipe.Parse([]byte(every))
	require.NoError(t, err)
	raw, err := r.ParamsFromText([]string{"s", "b", "o", "x", "n"}, []string{"a", "true", `{"k": 1}`, "just text", "2.5"})
	require.NoError(t, err)
	require.Equal(t, `{"s":"a","b":true,"o":{"k":1},"x":"just text","n":2.5}`, string(raw))

	raw, err = r.ParamsFromText([]string{"s", "b"}, []string{"", "false"})
	require.NoError(t, err)
	require.Equal(t, `{"b":false}`, string(raw))

	_, err = r.ParamsFromText([]string{"colour"}, []string{"red"})
	require.ErrorContains(t, err, `unknown parameter "colour"`)
	_, err = r.ParamsFromText([]string{"b"}, []string{"yes"})
	require.ErrorContains(t, err, "must be true or false, not yes")
	_, err = r.ParamsFromText([]string{"o"}, []string{"{"})
	require.ErrorContains(t, err, "must be a JSON object")
}

func FuzzResolve(f *testing.F) {
	r, err := recipe.Parse([]byte(every + "primary: x\n"))
	require.NoError(f, err)
	catalog, err := recipe.Builtins()
	require.NoError(f, err)
	recipes := append(catalog.List(), r)
	f.Add(`{"x": null, "s": "a", "b": false, "o": {"k": [1, 2]}, "n": 2.5}`, false)
	f.Add(`{"n":1e3}`, false)
	f.Add(`{"n":"\ud800"}`, false)
	f.Add(`http://[::1]:80/`, true)
	f.Add(`"`, true)
	f.Add("1e5", true)
	f.Fuzz(func(t *testing.T, s string, isText bool) {
		in := object(s)
		if isText {
			in = text(s)
		}
		for _, r := range recipes {
			order, err := r.Resolve(in)
			if err != nil {
				if p, ok := errors.AsType[*recipe.ParamError](err); !ok || p.Reason == "" {
					t.Fatalf("%s: error without reason: %v", r.Name, err)
				}
				continue
			}
			if _, err := json.Marshal(order); err != nil {
				t.Fatalf("%s: the order cannot be encoded: %v", r.Name, err)
			}
			again, err := r.Resolve(events.Input{Params: order.Params})
			if err != nil || string(again.Params) != string(order.Params) || again.Key != order.Key {
				t.Fatalf("%s: %q resolves to %s, which resolves to %s (%v)", r.Name, s, order.Params, again.Params, err)
			}
		}
	})
}

func BenchmarkResolve(b *testing.B) {
	for name, in := range map[string]events.Input{
		"noop": text("item-000001"),
		"page": text("https://example.com/some/page?with=query"),
		"json": object(`{"url":"https://example.com/some/page","select":".items[0]"}`),
	} {
		b.Run(name, func(b *testing.B) {
			r := get(b, name)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Resolve(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
