package cruncher_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher"

	"github.com/stretchr/testify/require"
)

const goods = `[{"name":"tea","price":3.5,"tags":["hot","leaf"]},{"name":"milk","price":2,"tags":[]},{"name":"rum","price":40,"tags":null}]`

func exprArgs(filter, mapping string) string {
	return string(ops.JSON(map[string]string{"filter": filter, "map": mapping}))
}

func TestExpr_filters_and_maps(t *testing.T) {
	for name, c := range map[string]struct{ filter, mapping, body, want string }{
		"a filter":                     {"price > 3", "", goods, `[{"name":"tea","price":3.5,"tags":["hot","leaf"]},{"name":"rum","price":40,"tags":null}]`},
		"a map":                        {"", "{name: name, p: price*2}", goods, `[{"name":"tea","p":7},{"name":"milk","p":4},{"name":"rum","p":80}]`},
		"both":                         {"price < 10", "name", goods, `["tea","milk"]`},
		"the element itself":           {"it > 1", "it * it", `[1,2,3]`, `[4,9]`},
		"nothing left":                 {"false", "", goods, `[]`},
		"an empty list":                {"price > 3", "", ` [ ] `, `[]`},
		"a document that is no list":   {"", "a.b + 1", `{"a":{"b":1}}`, `2`},
		"one that is filtered out":     {"a > 1", "", `{"a":1}`, `null`},
		"a field that is not there":    {"nix == nil", "nix ?? name", goods, `["tea","milk","rum"]`},
		"functions":                    {"", `upper(name) + join(tags ?? [], "+") + replace(name, "m", "M") + repeat("x", 2)`, goods, `["TEAhot+leafteaxx","MILKMilkxx","RUMruMxx"]`},
		"predicates":                   {`any(tags ?? [], # startsWith "h")`, `map(tags, len(#))`, goods, `[[3,4]]`},
		"large integers":               {"", "it + 1", `[9007199254740993]`, `[9007199254740994]`},
		"split":                        {"", `split(it, ",")`, `["a,b"]`, `[["a","b"]]`},
		"uniq and sort":                {"", `sort(uniq(it))`, `[[2,1,2]]`, `[[1,2]]`},
		"let and reduce":               {"", `let n = 3; reduce(1..n, #acc + #) + n`, `[0]`, `[9]`},
		"a byte order mark":            {"", "it", "\xef\xbb\xbf[1]", `[1]`},
		"fields named as functions":    {"", "it.len + it.map", `[{"len":1,"map":2}]`, `[3]`},
		"an element with a field it":   {"", "it.it", `[{"it":2}]`, `[2]`},
		"comparing lists and in":       {`tags == ["hot","leaf"] and name in ["tea"]`, "name", goods, `["tea"]`},
		"something that shares memory": {"", "[it, it]", `[[1],[2]]`, `[[[1],[1]],[[2],[2]]]`},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := run(t, "expr", exprArgs(c.filter, c.mapping), ops.Input{Body: []byte(c.body), Value: json.RawMessage(`"not used"`)})
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(out.Value))
		})
	}
}

func TestExpr_works_over_a_text(t *testing.T) {
	for name, c := range map[string]struct {
		with string
		in   ops.Input
		want string
	}{
		"a body":               {`{"over":"text","map":"it contains \"ok\""}`, ops.Input{Body: []byte("all ok\n")}, `true`},
		"one without it":       {`{"over":"text","map":"it contains \"ok\""}`, ops.Input{Body: []byte("down")}, `false`},
		"a value":              {`{"over":"text","map":"it"}`, ops.Input{Value: json.RawMessage(`"all ok"`)}, `"all ok"`},
		"what looks like JSON": {`{"over":"text","map":"it"}`, ops.Input{Body: []byte(`[1]`)}, `"[1]"`},
		"no text at all":       {`{"over":"text","map":"len(it)"}`, ops.Input{Body: []byte{}}, `0`},
		"what is not UTF-8":    {`{"over":"text","map":"it"}`, ops.Input{Body: []byte("\xef\xbb\xbfa\xff")}, "\"a\uFFFD\""},
		"what is filtered out": {`{"over":"text","filter":"it startsWith \"x\""}`, ops.Input{Body: []byte("y")}, `null`},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := run(t, "expr", c.with, c.in)
			require.NoError(t, err)
			require.Equal(t, c.want, string(out.Value))
		})
	}
	_, err := run(t, "expr", `{"over":"text","map":"it"}`, ops.Input{Body: make([]byte, 16<<20+1)})
	require.ErrorContains(t, err, "larger than")
}

func TestExpr_works_over_the_body_or_the_value(t *testing.T) {
	in := ops.Input{Body: []byte(`[1]`), Value: json.RawMessage(`["2"]`)}
	for with, want := range map[string]string{
		`{"map":"it"}`: `[1]`, `{"map":"it","over":"body"}`: `[1]`, `{"map":"it","over":"value"}`: `["2"]`,
	} {
		out, err := run(t, "expr", with, in)
		require.NoError(t, err)
		require.Equal(t, want, string(out.Value))
	}
	out, err := run(t, "expr", `{"map":"it"}`, ops.Input{Value: json.RawMessage(`"text"`)})
	require.NoError(t, err)
	require.Equal(t, `"text"`, string(out.Value))
}

func TestExpr_says_what_is_wrong(t *testing.T) {
	long := `[` + strings.Repeat(`"xxxxxxxxxx",`, 50_000) + `""]`
	for name, c := range map[string]struct {
		filter, mapping, body string
		reason                events.Reason
		want                  string
	}{
		"nothing to do":               {"", "", `[]`, events.ReasonMissingParameter, `"filter" or "map"`},
		"a syntax error":              {"price >", "", `[]`, events.ReasonInvalidParameter, `filter: expression "price >": line 1, column 7`},
		"an unknown function":         {"", "system(1)", `[]`, events.ReasonInvalidParameter, "there is no function system"},
		"the environment":             {"", "$env", `[]`, events.ReasonInvalidParameter, "there is no $env"},
		"a wrong argument":            {"", `upper(1)`, `[]`, events.ReasonInvalidParameter, "upper"},
		"too few arguments":           {"", `replace("a")`, `[]`, events.ReasonInvalidParameter, "replace"},
		"a long expression":           {"", strings.Repeat(" ", 20_000), `[]`, events.ReasonInvalidParameter, "at most"},
		"too many parts":              {"", "1" + strings.Repeat("+1", 1000), `[]`, events.ReasonInvalidParameter, "nodes"},
		"no boolean":                  {"1", "", `[1]`, events.ReasonComputation, "filter yields int"},
		"a wrong type":                {"price > 3", "", `[{"price":"x"}]`, events.ReasonComputation, "element 0: expr: filter"},
		"not a number":                {"", "0/0", `[1]`, events.ReasonComputation, "encode"},
		"a page":                      {"", "it", `<html>`, events.ReasonComputation, "not JSON"},
		"a list that is cut off":      {"", "it", `[1,2`, events.ReasonComputation, "not JSON"},
		"two documents":               {"", "it", `[1] [2]`, events.ReasonComputation, "more than one JSON document"},
		"two objects":                 {"", "it", `{} {}`, events.ReasonComputation, "more than one JSON document"},
		"nothing":                     {"", "it", ` `, events.ReasonComputation, "nothing to read"},
		"a number that is too large":  {"", "it", `[1e999]`, events.ReasonComputation, "too large"},
		"too large a value":           {"", "it", long, events.ReasonTooLarge, "filter out more"},
		"too large an element":        {"", `repeat("x", 600000)`, `[1]`, events.ReasonTooLarge, "map to less"},
		"too large an input":          {"", "it", `["` + strings.Repeat("x", 17<<20) + `"]`, events.ReasonTooLarge, "a list of smaller ones"},
		"too long a list":             {"", "len(1..2000000)", `[1]`, events.ReasonTooLarge, "more than 1000000 elements"},
		"a text that doubles":         {"", `reduce(1..60, #acc + #acc, "x")`, `[1]`, events.ReasonTooLarge, "make smaller parts"},
		"a list that doubles":         {"", `reduce(1..60, [#acc, #acc], 1)`, `[1]`, events.ReasonTooLarge, "make smaller parts"},
		"comparing what doubles":      {`let a = reduce(1..60, [#acc, #acc], 1); a == a`, "", `[1]`, events.ReasonTooLarge, "make smaller parts"},
		"writing what doubles":        {"", `len(toJSON(reduce(1..60, [#acc, #acc], 1)))`, `[1]`, events.ReasonTooLarge, "make smaller parts"},
		"flattening what doubles":     {"", `len(flatten(reduce(1..60, [#acc, #acc], 1)))`, `[1]`, events.ReasonTooLarge, "make smaller parts"},
		"replacing that grows":        {"", `reduce(1..60, replace(#acc, "x", "xxxx"), "x")`, `[1]`, events.ReasonTooLarge, "make smaller parts"},
		"joining that grows":          {"", `reduce(1..60, join([#acc, #acc], #acc), "x")`, `[1]`, events.ReasonTooLarge, "make smaller parts"},
		"repeating that grows":        {"", `repeat(repeat("x", 1000000), 1000000)`, `[1]`, events.ReasonTooLarge, "make smaller parts"},
		"concatenation that grows":    {"", `len(reduce(1..60, concat(#acc, #acc), [1]))`, `[1]`, events.ReasonTooLarge, "more than 1000000 elements"},
		"unique among too many":       {"", `len(uniq(1..100000))`, `[1]`, events.ReasonTooLarge, "make smaller parts"},
		"splitting into characters":   {"", `len(split(repeat("x", 90000), ""))`, `[1]`, "", ""},
		"a sum of what is not number": {"", `sum(["a"])`, `[1]`, events.ReasonComputation, "expr: map"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := run(t, "expr", exprArgs(c.filter, c.mapping), ops.Input{Body: []byte(c.body)})
			if c.reason == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			require.Equal(t, c.reason, reason(err))
		})
	}
}

func TestExpr_loops_stop_when_their_context_ends(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := cruncher.Expr().Run(ctx, ops.Input{
		With: json.RawMessage(exprArgs(`all(it, all(it,all(it,# >= 0)))`, "")), Value: json.RawMessage(`[[0` + strings.Repeat(",1", 5000) + `]]`),
	})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, events.ReasonTimeout, reason(err))
}

func TestExpr_reads_lists_in_little_memory(t *testing.T) {
	body := `[` + strings.Repeat(`"`+strings.Repeat("x", 1000)+`",`, 20_000) + `1]` // more than an element may have
	out, err := run(t, "expr", exprArgs("it == 1", ""), ops.Input{Body: []byte(body)})
	require.NoError(t, err)
	require.Equal(t, "[1]", string(out.Value))
}

func TestExpr_knows_bad_arguments_before_there_is_a_list(t *testing.T) {
	check := cruncher.Expr().Check
	require.NoError(t, check(json.RawMessage(`{}`)), "the expression may be a parameter")
	require.Equal(t, events.ReasonInvalidParameter, reason(check(json.RawMessage(`{"map":"a +"}`))))
	require.Equal(t, events.ReasonInvalidParameter, reason(check(json.RawMessage(`{"over":"items"}`))))
}

func FuzzExpr(f *testing.F) {
	op := cruncher.Expr()
	f.Add("price > 3", "{name: name, p: price*2}", []byte(goods))
	f.Add("any(tags, # matches 'a')", "reduce(1..9, #acc + #acc, '')", []byte(`[{"tags":["a"]}]`))
	f.Add("", "let x = it; uniq([x, toJSON(x), fromJSON('1'), split(string(x), '')])", []byte(`{"a":[1,2.5,null]}`))
	f.Fuzz(func(t *testing.T, filter, mapping string, body []byte) {
		fuzzed(t, op, ops.Input{With: json.RawMessage(exprArgs(filter, mapping)), Body: body})
	})
}

func BenchmarkExpr(b *testing.B) {
	body := []byte(`[` + strings.Repeat(goods[1:len(goods)-1]+",", 1000) + `{"price":1}]`)
	in := ops.Input{With: json.RawMessage(exprArgs("price > 3", "name")), Body: body}
	op := cruncher.Expr()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := op.Run(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}
