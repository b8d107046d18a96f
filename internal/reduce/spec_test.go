package reduce

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/expression"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestParse_reads_the_short_form(t *testing.T) {
	for text, want := range map[string]Reduction{
		"count": {Name: "count", Op: OpCount},
		"sum":   {Name: "sum(value)", Op: OpSum, Of: "value"},
		"sum(value.count) as total by value.kind where value.count > 0": {Name: "total", Op: OpSum, Of: "value.count", By: "value.kind", Where: "value.count > 0"},
		" max ( seconds(elapsed) )  where  key == ' by as where '  by\thost(key) ": {
			Name: "max(seconds(elapsed)) by host(key) where key == ' by as where '", Op: OpMax, Of: "seconds(elapsed)", By: "host(key)", Where: "key == ' by as where '",
		},
		`count by [status, host(key)] as "per host"`: {Name: `"per host"`, Op: OpCount, By: "[status, host(key)]"},
		"quantiles(elapsed)":                         {Name: "quantiles(elapsed)", Op: OpQuantiles, Of: "elapsed", Q: []float64{0.5, 0.9, 0.99}},
		"quantiles(elapsed, 0.5, 1)":                 {Name: "quantiles(elapsed, 0.5, 1)", Op: OpQuantiles, Of: "elapsed", Q: []float64{0.5, 1}},
		"top(split(key, ',')[0], 3)":                 {Name: "top(split(key, ',')[0], 3)", Op: OpTop, Of: "split(key, ',')[0]", K: 3},
		"top(key)":                                   {Name: "top(key)", Op: OpTop, Of: "key", K: 10},
		"histogram(value.n, -1, 0, 10.5)":            {Name: "histogram(value.n, -1, 0, 10.5)", Op: OpHistogram, Of: "value.n", Buckets: []float64{-1, 0, 10.5}},
		"mean(status == 'ok') as share":              {Name: "share", Op: OpMean, Of: "status == 'ok'"},
	} {
		s, err := Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, Spec{want}, s, text)
		again, err := Decode(s.JSON())
		require.NoError(t, err)
		require.Equal(t, s, again, "what travels is read as it was")
		again, err = Parse(strings.Trim(s[0].short(), " "))
		require.NoError(t, err)
		again[0].Name = s[0].Name
		require.Equal(t, s, again, "the short form that is made is read as it was")
	}
}

func TestParseJSON_reads_short_forms_and_objects(t *testing.T) {
	s, err := ParseJSON([]byte(`["count", {"name": "p", "op": "quantiles", "of": "elapsed", "q": [0.95], "by": "recipe"}]`))
	require.NoError(t, err)
	require.Equal(t, Spec{{Name: "count", Op: OpCount}, {Name: "p", Op: OpQuantiles, Of: "elapsed", Q: []float64{0.95}, By: "recipe"}}, s)
	require.Nil(t, Spec{}.JSON())
}

func TestSpecs_that_cannot_be_done_are_refused_with_a_remedy(t *testing.T) {
	many := `["count"` + strings.Repeat(`,"count as n"`, 16) + `]`
	for text, want := range map[string]string{
		`x`:                                "write a list of reductions",
		`["count"] x`:                      "there is more after it",
		`[1]`:                              "the fields are name, op, of, by, where, q, k and buckets",
		`[{"op":"sum","off":"value"}]`:     `unknown field "off": the fields are`,
		`["add(value)"]`:                   `there is no operation "add": use count, sum, min`,
		`["sum value"]`:                    "what follows it stands in brackets",
		`["sum(value) value"]`:             "something stands after the brackets of sum",
		`["sum(value"]`:                    "the bracket ( is not closed",
		`["sum(value))"]`:                  "column 11: the bracket ) closes nothing",
		`["sum(value) by \"a"]`:            "column 15: the quotation mark",
		`["sum(value) by"]`:                "column 12: nothing follows by",
		`["sum(value) by a by b"]`:         "column 17: there are two by",
		`["sum(value >)"]`:                 "of: expression \"value >\": line 1, column 7",
		`["count by valu.kind"]`:           "by: expression \"valu.kind\": line 1, column 1: there is no valu",
		`["count where status < 400"]`:     "the status of the HTTP answer is http_status",
		`["count where now() > finished"]`: "must always yield the same",
		`["sum(value, 3)"]`:                "sum takes one expression only",
		`["top(value, x)"]`:                `"x" is not a number`,
		`["top(value, 2.5)"]`:              "top takes one number, how many",
		`["top(value, 1000)"]`:             "use a number from 1 to 100",
		`["quantiles(value, 95)"]`:         "between 0 and 1",
		`["histogram(value, 2, 1)"]`:       "must grow",
		`["count","count"]`:                `two are called "count"`,
		many:                               "use at most 16",
		`[{"op":"sum","k":3}]`:             "only top has k",
		`[{"op":"sum","q":[1]}]`:           "only quantiles have q",
		`[{"op":"sum","buckets":[1]}]`:     "only histogram has buckets",
		`["count as ` + strings.Repeat("n", 300) + `"]`:           "give it a shorter one",
		`["sum(` + strings.Repeat("1+", 600) + `1)"]`:             "use at most 1024",
		`[{"name":"a\u0007","op":"count"}]`:                       "without control characters",
		`["sum(value)` + strings.Repeat(" ", MaxSpecBytes) + `"]`: "use at most 8192",
	} {
		_, err := ParseJSON([]byte(text))
		require.ErrorIs(t, err, ErrSpec, "%.60s", text)
		require.ErrorContains(t, err, want, "%.60s", text)
	}
	_, err := Decode([]byte(strings.Repeat(" ", MaxSpecBytes+1)))
	require.ErrorIs(t, err, ErrSpec)
}

func TestWith_replaces_by_name_and_adds(t *testing.T) {
	one, err := Parse("count as n", "sum(value) as total")
	require.NoError(t, err)
	two, err := Parse("max(value) as n", "top(key)")
	require.NoError(t, err)
	all, err := one.With(two)
	require.NoError(t, err)
	require.Equal(t, Spec{two[0], one[1], two[1]}, all)
	require.Equal(t, OpCount, one[0].Op, "the first is left as it was")
}

// ask answers one reduction over results.
func ask(t *testing.T, text string, results ...*events.Result) events.Reduced {
	t.Helper()
	s, err := Parse(text)
	require.NoError(t, err)
	p, err := Compile(s)
	require.NoError(t, err)
	m, tally := expression.NewMachine(expression.ForResult), p.NewTally()
	for _, r := range results {
		j, err := p.Judge(context.Background(), m, r)
		require.NoError(t, err)
		tally.Add(j)
	}
	return tally.Answer()[0]
}

func with(status events.Status, value string) *events.Result {
	r := &events.Result{ID: "a", Recipe: "x", Key: "https://a.example/1", Status: status, Submitted: noon, Finished: noon.Add(1500e6)}
	if value != "" {
		r.Value = json.RawMessage(value)
	}
	if status == events.StatusFailed {
		r.Reason = events.ReasonTimeout
	}
	return r
}

func TestJudge(t *testing.T) {
	ok, failed := events.StatusOK, events.StatusFailed
	mixed := []*events.Result{with(ok, `{"n":1,"ok":true}`), with(ok, `{"n":2.0,"ok":false}`), with(failed, ""), with(ok, `{"n":"2"}`), with(ok, ``)}
	for text, want := range map[string]string{
		// Only results that are ok count, unless the reduction looks at how they ended.
		"count":                                         `{"count":4,"value":4}`,
		"count where true":                              `{"count":4,"value":4}`,
		"count where status != 'x'":                     `{"count":5,"value":5}`,
		"count where reason == 'timeout'":               `{"count":1,"value":1}`,
		"mean(outcome == 'ok')":                         `{"count":5,"value":0.8}`,
		"count by status":                               `{"count":5,"keys":[{"key":"failed","value":1,"count":1},{"key":"ok","value":4,"count":4}]}`,
		"count(value.ok)":                               `{"count":1,"value":1,"skipped":2}`,
		"count(value.n)":                                `{"count":3,"value":3,"skipped":1}`,
		"count(value?.n)":                               `{"count":3,"value":3,"skipped":1}`,
		"sum(value.n)":                                  `{"count":2,"value":3,"skipped":2}`,
		"sum(value.n) where value.n == 1":               `{"count":1,"value":1,"skipped":1}`,
		"sum(1) by value.n":                             `{"count":3,"keys":[{"key":"1","value":1,"count":1},{"key":"2","value":2,"count":2}],"skipped":1}`,
		"distinct(value.n)":                             `{"count":3,"value":3,"skipped":1}`,
		"top(value.n)":                                  `{"count":3,"value":[{"value":"2","count":1},{"value":1,"count":1},{"value":2,"count":1}],"skipped":1}`,
		"max(value.n / 0)":                              `{"count":0,"value":null,"skipped":4}`,
		"min(finished - submitted)":                     `{"count":4,"value":1.5}`,
		"max(finished)":                                 `{"count":4,"value":1772366401.5}`,
		"stddev(value.n)":                               `{"count":2,"value":0.7071067811865476,"skipped":2}`,
		"mean(value.nix)":                               `{"count":0,"value":null,"skipped":4}`,
		"quantiles(value.n, 0.5)":                       `{"count":2,"value":{"0.5":1},"skipped":2}`,
		"quantiles(value.nix, 0.5)":                     `{"count":0,"value":{"0.5":null},"skipped":4}`,
		"histogram(value.n)":                            `{"count":2,"value":[{"le":1,"count":1},{"le":2,"count":1}],"skipped":2}`,
		"histogram(value.n, 1)":                         `{"count":2,"value":[{"le":1,"count":1},{"count":1}],"skipped":2}`,
		"count by [host(key), value.n ?? 0]":            `{"count":3,"keys":[{"key":"[\"a.example\",\"2\"]","value":1,"count":1},{"key":"[\"a.example\",1]","value":1,"count":1},{"key":"[\"a.example\",2]","value":1,"count":1}],"skipped":1}`,
		"count where value.n":                           `{"count":0,"value":0,"skipped":4}`,
		"count by truncate(finished, duration(\"1h\"))": `{"count":4,"keys":[{"key":"2026-03-01T12:00:00Z","value":4,"count":4}]}`,
	} {
		t.Run(text, func(t *testing.T) {
			a := ask(t, text, mixed...)
			a.Name, a.Op, a.Of, a.By, a.Where = "", "", "", "", ""
			data, err := json.Marshal(a)
			require.NoError(t, err)
			var got map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(data, &got))
			delete(got, "name")
			delete(got, "op")
			require.JSONEq(t, want, toJSON(t, got))
		})
	}
	t.Run("ends with its context", func(t *testing.T) {
		s, err := Parse("count where all(1..90000, true)")
		require.NoError(t, err)
		p, err := Compile(s)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err = p.Judge(ctx, expression.NewMachine(expression.ForResult), mixed[0])
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("keeps integers beyond 2^53 exact", func(t *testing.T) {
		a := ask(t, "sum(value)", with(ok, "9223372036854775807"), with(ok, "9223372036854775807"), with(ok, "1"))
		require.Equal(t, "18446744073709551615", string(a.Value))
	})
	t.Run("adds fractions without rounding on the way", func(t *testing.T) {
		a := ask(t, "sum(value)", with(ok, "1e100"), with(ok, "0.1"), with(ok, "-1e100"), with(ok, "1e-300"))
		require.Equal(t, "0.1", string(a.Value))
	})
	t.Run("says null to a sum that no float can hold", func(t *testing.T) {
		a := ask(t, "sum(value)", with(ok, "1.7e308"), with(ok, "1.7e308"))
		require.Equal(t, "null", string(a.Value))
	})
	t.Run("shortens long keys, and keeps them apart", func(t *testing.T) {
		long := strings.Repeat("ä", 500)
		a := ask(t, "count by value", with(ok, `"`+long+`1"`), with(ok, `"`+long+`2"`), with(ok, `"nul \u0000"`))
		require.Len(t, a.Keys, 3)
		for _, k := range a.Keys {
			require.LessOrEqual(t, len(k.Key), maxKeyBytes)
		}
		require.Equal(t, "nul \ufffd", a.Keys[0].Key)
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"count", "sum(value.count) as total by value.kind where value.count > 0", `top(key["a)"], 3)`, "quantiles(elapsed, 0.5) by `x`", `histogram(value, -1, 2) where {"a": 1}.a == 1`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			require.ErrorIs(t, err, ErrSpec)
			return
		}
		again, err := Decode(s.JSON())
		require.NoError(t, err, fmt.Sprint(s))
		require.Equal(t, string(s.JSON()), string(again.JSON()))
		_, err = Compile(again)
		require.NoError(t, err)
	})
}

func BenchmarkJudgeAndAdd(b *testing.B) {
	s, err := Parse("count by value.kind", "sum(value.n) by value.kind", "mean(value.n) by value.kind", "quantiles(value.n) by value.kind", "distinct(key) by value.kind")
	require.NoError(b, err)
	p, err := Compile(s)
	require.NoError(b, err)
	m, tally := expression.NewMachine(expression.ForResult), p.NewTally()
	r := with(events.StatusOK, `{"n":12.5,"kind":"a"}`)
	b.ReportAllocs()
	for b.Loop() {
		j, err := p.Judge(b.Context(), m, r)
		if err != nil {
			b.Fatal(err)
		}
		tally.Add(j)
	}
}
