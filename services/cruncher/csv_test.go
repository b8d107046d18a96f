package cruncher_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher"

	"github.com/stretchr/testify/require"
)

func TestCSVStats_describes_the_columns(t *testing.T) {
	for name, c := range map[string]struct{ with, body, want string }{
		"nothing":  {``, ``, `{"rows":0,"columns":[]}`},
		"a header": {``, "a,b\n", `{"rows":0,"columns":[{"name":"a","type":"empty","count":0,"empty":0,"distinct":0},{"name":"b","type":"empty","count":0,"empty":0,"distinct":0}]}`},
		"numbers":  {``, "n\n2\n4\n4\n4\n5\n5\n7\n9\n", `{"rows":8,"columns":[{"name":"n","type":"integer","count":8,"empty":0,"distinct":5,"min":2,"max":9,"mean":5,"stddev":2.138089935299395}]}`},
		"types": {
			``, "i,f,b,d,t,e\n1,1.5,true,2026-01-31,x,\n-2,1e3,FALSE,2026-01-31T10:00:00Z,2, \n",
			`{"rows":2,"columns":[{"name":"i","type":"integer","count":2,"empty":0,"distinct":2,"min":-2,"max":1,"mean":-0.5,"stddev":2.1213203435596424},
			{"name":"f","type":"number","count":2,"empty":0,"distinct":2,"min":1.5,"max":1000,"mean":500.75,"stddev":706.0461210147677},
			{"name":"b","type":"boolean","count":2,"empty":0,"distinct":2},{"name":"d","type":"date","count":2,"empty":0,"distinct":2},
			{"name":"t","type":"text","count":2,"empty":0,"distinct":2},{"name":"e","type":"empty","count":0,"empty":2,"distinct":0}]}`,
		},
		"integers and fractions": {``, "n\n1\n2.5\n", `{"rows":2,"columns":[{"name":"n","type":"number","count":2,"empty":0,"distinct":2,"min":1,"max":2.5,"mean":1.75,"stddev":1.0606601717798212}]}`},
		"one number":             {``, "n\n1\n", `{"rows":1,"columns":[{"name":"n","type":"integer","count":1,"empty":0,"distinct":1,"min":1,"max":1,"mean":1}]}`},
		"not numbers":            {``, "n\nNaN\nInf\n0x1p4\n1_000\n", `{"rows":4,"columns":[{"name":"n","type":"text","count":4,"empty":0,"distinct":4}]}`},
		"numbers and text":       {``, "n\n1\nx\n2\n", `{"rows":3,"columns":[{"name":"n","type":"text","count":3,"empty":0,"distinct":3}]}`},
		"no header":              {`{"header":false}`, "x,1\n", `{"rows":1,"columns":[{"name":"1","type":"text","count":1,"empty":0,"distinct":1},{"name":"2","type":"integer","count":1,"empty":0,"distinct":1,"min":1,"max":1,"mean":1}]}`},
		"some columns":           {`{"columns":["b"],"delimiter":";"}`, "a;b\nx;y\n", `{"rows":1,"columns":[{"name":"b","type":"text","count":1,"empty":0,"distinct":1}]}`},
		"quotes, lines and BOM":  {`{"delimiter":"\t"}`, "\ufeff\"a\"\r\n\"x\ny\"\r\n", `{"rows":1,"columns":[{"name":"a","type":"text","count":1,"empty":0,"distinct":1}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := run(t, "csv.stats", c.with, ops.Input{Body: []byte(c.body)})
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(out.Value))
		})
	}
}

func TestCSVStats_deviation_is_exact_far_from_zero(t *testing.T) {
	out, err := run(t, "csv.stats", ``, ops.Input{Body: []byte("n\n1000000004\n1000000007\n1000000013\n1000000016\n")})
	require.NoError(t, err)
	require.Contains(t, string(out.Value), `"mean":1000000010,"stddev":5.477225575`, "the square root of 30")
}

func TestCSVStats_tells_how_many_values_it_could_tell_apart(t *testing.T) {
	var b strings.Builder
	b.WriteString("n\n")
	for i := range 10_001 {
		fmt.Fprintf(&b, "%d\n%d\n", i, i)
	}
	out, err := run(t, "csv.stats", ``, ops.Input{Body: []byte(b.String())})
	require.NoError(t, err)
	require.Contains(t, string(out.Value), `"distinct":10000,"distinct_more":true`)
}

func TestCSVStats_says_what_is_wrong(t *testing.T) {
	for name, c := range map[string]struct {
		with, body string
		reason     events.Reason
		want       string
	}{
		"a short record":         {``, "a,b\n1,2\n3\n", events.ReasonComputation, "line 3: wrong number of fields"},
		"a stray quote":          {``, "a\n1\nx\"y\n", events.ReasonComputation, "line 3"},
		"a quote without an end": {``, "a\n\"" + strings.Repeat("x", 1<<21), events.ReasonTooLarge, "never closed"},
		"too many columns":       {``, strings.Repeat("a,", 1000) + "\n", events.ReasonTooLarge, "the delimiter"},
		"a column that is none":  {`{"columns":["c"]}`, "a,b\n", events.ReasonComputation, `there is no column "c": there are ["a" "b"]`},
		"a long delimiter":       {`{"delimiter":"::"}`, "", events.ReasonInvalidParameter, "use one character"},
		"no delimiter":           {`{"delimiter":""}`, "", events.ReasonInvalidParameter, "use one character"},
		"a quote as delimiter":   {`{"delimiter":"\""}`, "", events.ReasonInvalidParameter, "use one character"},
		"an unknown argument":    {`{"separator":";"}`, "", events.ReasonInvalidParameter, "separator"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := run(t, "csv.stats", c.with, ops.Input{Body: []byte(c.body)})
			require.ErrorContains(t, err, c.want)
			require.Equal(t, c.reason, reason(err))
		})
	}
}

func FuzzCSVStats(f *testing.F) {
	op := cruncher.CSVStats()
	f.Add(`{}`, []byte("a,b\n1,2.5\ntrue,2026-01-01\n"))
	f.Add(`{"delimiter":";","header":false,"columns":["1"]}`, []byte("\xef\xbb\xbf\"x\"\"\ny\";1e308\n;-1e308\r\n"))
	f.Fuzz(func(t *testing.T, with string, body []byte) {
		fuzzed(t, op, ops.Input{With: json.RawMessage(with), Body: body})
	})
}

func BenchmarkCSVStats(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	var t strings.Builder
	t.WriteString("id,price,name\n")
	for i := range 20_000 {
		fmt.Fprintf(&t, "%d,%.2f,name %d\n", i, random.Float64()*100, random.IntN(100))
	}
	body := []byte(t.String())
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := cruncher.CSVStats().Run(b.Context(), ops.Input{Body: body}); err != nil {
			b.Fatal(err)
		}
	}
}
