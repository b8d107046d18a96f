package recipe_test

import (
	"errors"
	"testing"

	"github.com/fetchmill/fetchmill/internal/recipe"

	"github.com/stretchr/testify/require"
)

const head = "name: x\nsummary: does x\n"

func TestParse_refuses_with_the_line_and_what_to_write(t *testing.T) {
	for name, c := range map[string]struct{ doc, want string }{
		"an empty document":         {"", "it is empty"},
		"two documents":             {head + "---\n" + head, "more than one document"},
		"broken YAML":               {"name: [", "line 1"},
		"an unknown field":          {head + "colour: red\n", "line 3: field colour not found"},
		"an unknown step field":     {head + "fetch:\n  op: a\n  retries: 3\n", "line 5: field retries not found"},
		"an unknown param field":    {head + "params:\n  n:\n    type: integer\n    maximum: 3\n", "line 6: field maximum not found"},
		"a repeated field":          {head + "name: y\n", "line 3: mapping key \"name\" already defined"},
		"a wrong type":              {head + "quiet: perhaps\n", "line 3: cannot unmarshal"},
		"a bad name":                {"name: X!\nsummary: s\n", "line 1: invalid name"},
		"no summary":                {"name: x\n", "summary must be one line"},
		"a primary that is nowhere": {head + "primary: url\n", `line 3: primary names "url"`},
		"a bad parameter name":      {head + "params:\n  Ab: {type: string}\n", `line 4: parameter "Ab"`},
		"a bad type":                {head + "params:\n  a: {type: text}\n", `line 4: parameter a: type "text": use one of`},
		"min of a string":           {head + "params:\n  a: {type: string, min: 1}\n", "min and max are for"},
		"min over max":              {head + "params:\n  a: {type: number, min: 2, max: 1}\n", "min 2 is greater than max 1"},
		"length of a number":        {head + "params:\n  a: {type: number, max_length: 1}\n", "max_length is for"},
		"a default of another type": {head + "params:\n  a: {type: integer, default: x}\n", `default must be a whole number, not "x"`},
		"a required default":        {head + "params:\n  a: {type: integer, default: 1, required: true}\n", "leave one of the two out"},
		"an example out of range":   {head + "params:\n  a: {type: integer, max: 1, example: 2}\n", "example must be at most 1"},
		"an enum of another type":   {head + "params:\n  a: {type: integer, enum: [1, b]}\n", "value 2 of enum"},
		"no op":                     {head + "fetch: {with: {}}\n", "line 3: fetch: op \"\""},
		"an op with a wildcard":     {head + "fetch: {op: 'a.*'}\n", "write the name of an operation"},
		"a bad timeout":             {head + "fetch: {op: a, timeout: 5}\n", "timeout \"5\": write a duration"},
		"too many attempts":         {head + "crunch:\n- {op: a}\n- {op: b, attempts: 1000}\n", "line 5: crunch step 2: attempts 1000"},
		"an unknown reference":      {head + "fetch: {op: a, with: {u: $url}}\n", `with: u: "$url" stands for a parameter`},
		"a date":                    {head + "fetch: {op: a, with: {u: 2026-01-31}}\n", "put it in quotes"},
		"an infinite number":        {head + "fetch: {op: a, with: {u: .inf}}\n", "not a JSON number"},
		"a reduction that is none":  {head + "reduce:\n  - count\n  - add(value)\n", `line 5: reduce: invalid reduction "add(value)": there is no operation "add"`},
		"two reductions of a name":  {head + "reduce: [count, count]\n", `line 3: reduce: invalid reduction: two are called "count"`},
		"a field of a reduction":    {head + "reduce:\n  - {op: sum, off: value}\n", `line 4: reduce: reduction 1: invalid reduction: json: unknown field "off"`},
		"keys that are no strings":  {head + "fetch: {op: a, with: {u: {1: 2}}}\n", "put them in quotes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := recipe.Parse([]byte(c.doc))
			require.ErrorIs(t, err, recipe.ErrRecipe)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "ocument}")
			require.NotContains(t, err.Error(), "recipe.")
		})
	}
}

func TestParse_keeps_the_order_of_parameters(t *testing.T) {
	r, err := recipe.Parse([]byte(head + "params:\n  b: {type: any}\n  a: {type: any}\n  c: {type: any}\n"))
	require.NoError(t, err)
	var names []string
	for _, p := range r.Params {
		names = append(names, p.Name)
	}
	require.Equal(t, []string{"b", "a", "c"}, names)
}

func TestParse_refuses_an_avalanche_of_aliases(t *testing.T) {
	doc := head + "params:\n  a: {type: any, default: &a [1,1,1,1,1,1,1,1,1]}\n"
	for c := 'b'; c < 'l'; c++ {
		p := string(c - 1)
		doc += "  " + string(c) + ": {type: any, default: &" + string(c) + " [*" + p + ",*" + p + ",*" + p + ",*" + p + ",*" + p + ",*" + p + ",*" + p + ",*" + p + "]}\n"
	}
	_, err := recipe.Parse([]byte(doc))
	require.ErrorIs(t, err, recipe.ErrRecipe)
}

func TestBuiltins_are_all_there_with_examples_that_work(t *testing.T) {
	catalog, err := recipe.Builtins()
	require.NoError(t, err)
	examples := map[string]string{}
	for _, r := range catalog.List() {
		examples[r.Name] = r.Example()
	}
	require.Equal(t, map[string]string{
		"api":         "nats pub work.api https://api.example.com/things",
		"ask":         "nats pub work.ask billing.status",
		"certificate": "nats pub work.certificate example.com",
		"count":       "nats pub work.count 10000000",
		"count-to":    "nats pub work.count-to 10000000000",
		"dns":         "nats pub work.dns example.com",
		"download":    "nats pub work.download https://example.com/picture.jpg",
		"exec":        `nats pub work.exec '{"input":5,"program":"invert"}'`,
		"factorial":   "nats pub work.factorial 1000",
		"file":        "nats pub work.file 2026/report.txt",
		"file-stats":  "nats pub work.file-stats 2026/access.log",
		"image":       "nats pub work.image https://example.com/photo.jpg",
		"increment":   "nats pub work.increment 1000000",
		"json":        "nats pub work.json https://example.com/data.json",
		"links":       "nats pub work.links https://example.com/",
		"noop":        "nats pub work.noop hello",
		"object":      "nats pub work.object report.pdf",
		"page":        "nats pub work.page https://example.com/",
		"pages":       "nats pub work.pages https://api.example.com/users/somebody/repos",
		"primes":      "nats pub work.primes 10000000",
		"query":       "nats pub work.query orders-of",
		"sleep":       "nats pub work.sleep 2.5",
		"tcp":         "nats pub work.tcp example.com:443",
		"text":        "nats pub work.text https://example.com/",
		"thumbnail":   "nats pub work.thumbnail https://example.com/photo.jpg",
		"uptime":      "nats pub work.uptime https://example.com/",
		"wasm":        `nats pub work.wasm '{"input":"to be or not to be","module":"words"}'`,
		"wasm-page":   `nats pub work.wasm-page '{"url":"https://example.com/","module":"words"}'`,
		"words":       "nats pub work.words https://example.com/",
	}, examples)
}

func TestCatalog_suggests_a_name(t *testing.T) {
	catalog, err := recipe.Builtins()
	require.NoError(t, err)
	_, err = catalog.Find("pgae")
	require.ErrorIs(t, err, recipe.ErrUnknown)
	require.ErrorContains(t, err, `did you mean "page"? There are api, ask, certificate, count, count-to, dns, download, exec, factorial, file, file-stats, image, increment, json, links, noop, object, page, pages, primes, query, sleep, tcp, text, thumbnail, uptime, wasm, wasm-page, words`)
	_, err = catalog.Find("something-else")
	require.NotContains(t, err.Error(), "did you mean")
	_, ok := catalog.Get("page")
	require.True(t, ok)
}

func TestCatalog_prefers_the_last_recipe_of_a_name(t *testing.T) {
	first, err := recipe.Parse([]byte(head))
	require.NoError(t, err)
	last, err := recipe.Parse([]byte(head + "quiet: true\n"))
	require.NoError(t, err)
	got, err := recipe.NewCatalog(first, last).Find("x")
	require.NoError(t, err)
	require.Same(t, last, got)
	require.Len(t, recipe.NewCatalog(first, last).List(), 1)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(head + "fetch: {op: a, with: {u: [$a, {b: $a}]}}\nparams: {a: {type: url, default: 'http://h/'}}\nprimary: a\n"))
	f.Add([]byte(head + "params: &p {a: {type: object, default: {x: 1}, enum: [{x: 1}]}}\ncrunch: [{op: b, timeout: 1s}]\n"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("name: x\nsummary: x\nparams: {a: {type: any, default: 'é\\'}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := recipe.Parse(data)
		if err != nil {
			if !errors.Is(err, recipe.ErrRecipe) {
				t.Fatalf("error without ErrRecipe: %v", err)
			}
			return
		}
		if r.Name == "" || r.Example() == "" {
			t.Fatalf("a recipe without name or example from %q", data)
		}
	})
}
