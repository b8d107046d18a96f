package cruncher_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher"

	"github.com/stretchr/testify/require"
)

func jqArgs(query string) string { return string(ops.JSON(map[string]string{"query": query})) }

func TestJQ_selects(t *testing.T) {
	for name, c := range map[string]struct{ query, body, want string }{
		"one output":                {".a.b", `{"a":{"b":"x"}}`, `"x"`},
		"several outputs":           {".[]", `[1,2]`, `[1,2]`},
		"one output that is a list": {".", `[1,2]`, `[1,2]`},
		"no output":                 {"empty", `1`, `null`},
		"what came before halt":     {"1, 2, halt, 3", `1`, `[1,2]`},
		"large integers exactly":    {".a", `{"a":123456789012345678901234567890}`, `123456789012345678901234567890`},
		"sums of large integers":    {".a+1", `{"a":9007199254740993}`, `9007199254740994`},
		"fractions as written":      {".", `1.10`, `1.10`},
		"special characters":        {".", `"<\u2028&>"`, `"\u003c\u2028\u0026\u003e"`},
		"after a byte order mark":   {".", "\xef\xbb\xbf 1 \n", `1`},
		"without an environment":    {"[env, $ENV]", `1`, `[{},{}]`},
		"not a number":              {"nan", `1`, `null`},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := run(t, "jq", jqArgs(c.query), ops.Input{Body: []byte(c.body), Value: json.RawMessage(`"not used"`)})
			require.NoError(t, err)
			require.Equal(t, c.want, string(out.Value))
		})
	}
}

func TestJQ_selects_from_the_value_when_there_is_no_body(t *testing.T) {
	out, err := run(t, "jq", jqArgs(".a"), ops.Input{Value: json.RawMessage(`{"a":1}`)})
	require.NoError(t, err)
	require.Equal(t, "1", string(out.Value))
}

func TestJQ_computes_no_more_than_the_limit(t *testing.T) {
	out, err := run(t, "jq", `{"query":"range(infinite)","limit":3}`, ops.Input{Body: []byte("1")})
	require.NoError(t, err)
	require.Equal(t, "[0,1,2]", string(out.Value))
}

func TestJQ_makes_null_of_nothing_where_that_is_allowed(t *testing.T) {
	out, err := run(t, "jq", `{"query":".a","optional":true}`, ops.Input{})
	require.NoError(t, err)
	require.Equal(t, "null", string(out.Value))
	_, err = run(t, "jq", `{"query":".a","optional":true}`, ops.Input{Body: []byte("<html>")})
	require.Equal(t, events.ReasonComputation, reason(err))
}

func TestJQ_says_what_is_wrong(t *testing.T) {
	for name, c := range map[string]struct {
		with, body string
		reason     events.Reason
		want       string
	}{
		"no query":              {`{}`, `1`, events.ReasonMissingParameter, `needs the argument "query"`},
		"a syntax error":        {jqArgs(".["), `1`, events.ReasonInvalidParameter, "unexpected"},
		"an unknown function":   {jqArgs("foo"), `1`, events.ReasonInvalidParameter, "foo/0"},
		"an unknown variable":   {jqArgs("$foo"), `1`, events.ReasonInvalidParameter, "$foo"},
		"input":                 {jqArgs("input"), `1`, events.ReasonInvalidParameter, "input"},
		"inputs":                {jqArgs("[inputs]"), `1`, events.ReasonInvalidParameter, "input"},
		"a module":              {jqArgs(`import "a" as a; 1`), `1`, events.ReasonInvalidParameter, "module"},
		"an included module":    {jqArgs(`include "a"; 1`), `1`, events.ReasonInvalidParameter, "module"},
		"a data file":           {jqArgs(`import "a" as $a; 1`), `1`, events.ReasonInvalidParameter, "module"},
		"a huge query":          {jqArgs(strings.Repeat(" ", 70_000)), `1`, events.ReasonInvalidParameter, "at most"},
		"a bad limit":           {`{"query":".","limit":0}`, `1`, events.ReasonInvalidParameter, "from 1 to 10000"},
		"a body that is a page": {jqArgs("."), `<html>`, events.ReasonComputation, `the body is not JSON`},
		"two documents":         {jqArgs("."), "{}\n{}", events.ReasonComputation, "more than one JSON document"},
		"an empty body":         {jqArgs("."), " ", events.ReasonComputation, "nothing to read"},
		"a wrong type":          {jqArgs(".a"), `[1]`, events.ReasonComputation, "expected an object"},
		"an error of the query": {jqArgs(`error("no such thing")`), `1`, events.ReasonComputation, "no such thing"},
		"halting with an error": {jqArgs(`"bad"|halt_error`), `1`, events.ReasonComputation, "bad"},
		"too many outputs":      {jqArgs("range(10001)"), `1`, events.ReasonTooLarge, "more than 10000 outputs"},
		"too long an output":    {jqArgs(`"x" * 600000`), `1`, events.ReasonTooLarge, "larger than 524288 bytes"},
		"too long when escaped": {jqArgs(`"<" * 100000`), `1`, events.ReasonTooLarge, "600002 bytes"},
		"an exponential output": {jqArgs(`reduce range(64) as $i (1; [., .])`), `1`, events.ReasonTooLarge, "larger than"},
		"too deep an output":    {jqArgs(`reduce range(2000) as $i (1; [.])`), `1`, events.ReasonTooLarge, "nested deeper"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := run(t, "jq", c.with, ops.Input{Body: []byte(c.body)})
			require.ErrorContains(t, err, c.want)
			require.Equal(t, c.reason, reason(err))
		})
	}
}

func TestJQ_keeps_what_just_fits(t *testing.T) {
	out, err := run(t, "jq", jqArgs(`[range(100000)|[1]]`), ops.Input{Body: []byte("1")})
	require.NoError(t, err)
	require.Len(t, out.Value, 400_001)
}

func TestJQ_runs_many_queries_in_parallel(t *testing.T) {
	op := cruncher.JQ()
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 400 { // more queries than are kept
				query := strings.Repeat(" ", (i*7+w)%300) + `.a|test("x")`
				out, err := op.Run(t.Context(), ops.Input{With: json.RawMessage(jqArgs(query)), Body: []byte(`{"a":"x"}`)})
				if err != nil || string(out.Value) != "true" {
					t.Errorf("%q: %s, %v", query, out.Value, err)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzJQ(f *testing.F) {
	op := cruncher.JQ()
	f.Add(jqArgs("."), `{"a":[1,2.50,"x",null]}`)
	f.Add(`{"query":".[]","limit":2}`, `[1e999,123456789012345678901234567890]`)
	f.Add(jqArgs(`.a|test("(")`), `{"a":"b"}`)
	f.Add(jqArgs(`to_entries|map(.key)|join(",")`), `{"\ud800":1}`)
	f.Add(`{"query":1}`, `[`)
	f.Add(jqArgs(`reduce range(64) as $i (1; [., .]) | . == .`), `1`)
	f.Add(jqArgs(`.a += "x" * 1e9 | sort_by(.b) | gsub("a"; "b")`), `{"a":"b"}`)
	f.Fuzz(func(t *testing.T, with, body string) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		out, err := op.Run(ctx, ops.Input{With: json.RawMessage(with), Body: []byte(body)})
		if err == nil && !json.Valid(out.Value) {
			t.Fatalf("output is not JSON: %q", out.Value)
		}
		if err != nil && reason(err) == "" {
			t.Fatalf("error without reason: %v", err)
		}
	})
}

func TestJQ_knows_bad_arguments_before_there_is_a_document(t *testing.T) {
	check := cruncher.JQ().Check
	require.NoError(t, check(json.RawMessage(`{}`)), "the query may be a parameter")
	require.Equal(t, events.ReasonInvalidParameter, reason(check(json.RawMessage(`{"query":".["}`))))
	require.Equal(t, events.ReasonInvalidParameter, reason(check(json.RawMessage(`{"limit":0}`))))
}
