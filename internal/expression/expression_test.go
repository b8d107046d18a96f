package expression_test

import (
	"context"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/expression"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func page() *events.Result {
	return &events.Result{
		ID: "a", Recipe: "page", Batch: "b", Index: 7, Key: "https://example.com:8443/x", Status: events.StatusOK, Attempts: 2,
		Value:     json.RawMessage(`{"count":3,"big":9007199254740993,"price":2.5,"tags":["x","y"],"o":{"b":1,"a":2},"huge":1e99,"nothing":null}`),
		Fetch:     &events.FetchFacts{Status: 200, Bytes: 1234, ElapsedMS: 1500, Phases: &events.Phases{DNS: 3}},
		Submitted: noon, Finished: noon.Add(90 * time.Minute),
	}
}

func over(t testing.TB, v expression.Vocabulary, text string, r *events.Result) (any, error) {
	t.Helper()
	p, err := expression.Compile(text, v)
	require.NoError(t, err)
	return expression.NewMachine(expression.ForResult).Over(context.Background(), p, expression.NewRecord(r))
}

func TestResult_is_seen_as_its_JSON_has_it(t *testing.T) {
	for text, want := range map[string]any{
		`id + recipe + batch`:                "apageb",
		`index`:                              7,
		`status`:                             "ok",
		`outcome`:                            "ok",
		`http_status`:                        200,
		`reason + error`:                     "",
		`attempts`:                           2,
		`value.count`:                        3,
		`value["count"]`:                     3,
		`value.count * 2`:                    6,
		`value.big`:                          9007199254740993,
		`value.price`:                        2.5,
		`value.tags[1]`:                      "y",
		`value.o.a`:                          2,
		`value.nothing`:                      nil,
		`value.missing`:                      nil,
		`value.missing ?? 5`:                 5,
		`value.missing?.x`:                   nil,
		`fetch.bytes`:                        1234,
		`fetch.phases.dns_ms`:                3,
		`fetch.tls`:                          nil,
		`elapsed`:                            1500 * time.Millisecond,
		`elapsed < duration("2s")`:           true,
		`seconds(elapsed)`:                   1.5,
		`milliseconds(elapsed)`:              1500.0,
		`seconds(finished - submitted)`:      5400.0,
		`truncate(finished, duration("1h"))`: noon.Add(time.Hour),
		`host(key)`:                          "example.com",
		`keys(value.o)`:                      []any{"a", "b"},
		`values(value.o)`:                    []any{2, 1},
		`toPairs(value.o)`:                   []any{[]any{"a", 2}, []any{"b", 1}},
		`map(keys(value.o), # + "!")`:        []any{"a!", "b!"},
		`let n = value.count; n + n`:         6,
		`any(value.tags, # == "y") ? "new" : "old"`:    "new",
		`key startsWith "https://" and status == "ok"`: true,
	} {
		t.Run(text, func(t *testing.T) {
			got, err := over(t, expression.Result(), text, page())
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestCheck_calls_the_HTTP_status_status(t *testing.T) {
	for text, want := range map[string]any{
		`status < 400 && elapsed < duration("2s")`: true, `http_status == status`: true, `outcome == "ok"`: true, `elapsed < duration("1s")`: false,
	} {
		got, err := over(t, expression.Check(), text, page())
		require.NoError(t, err)
		require.Equal(t, want, got, text)
	}
	got, err := over(t, expression.Check(), `status`, &events.Result{ID: "a", Status: events.StatusFailed})
	require.NoError(t, err)
	require.Equal(t, 0, got)
}

func TestWith_adds_variables_and_leaves_the_others(t *testing.T) {
	base := expression.Check()
	more := base.With(expression.Variable{Name: "answer", Type: base.Variables()[0].Type, Help: "x", Get: func(r *expression.Record) any { return r.Index * 6 }})
	got, err := over(t, more, `answer`, page())
	require.NoError(t, err)
	require.EqualValues(t, 42, got)
	_, err = expression.Compile(`answer`, base)
	require.ErrorContains(t, err, "there is no answer")
	require.Len(t, more.Variables(), len(base.Variables())+1)
}

func TestCompile_says_what_is_wrong(t *testing.T) {
	for name, row := range map[string]struct {
		vocabulary expression.Vocabulary
		text, want string
	}{
		"nothing":                    {expression.Result(), "  ", "it is empty"},
		"half an expression":         {expression.Result(), "value.count >", `expression "value.count >": line 1, column 13`},
		"a name that there is not":   {expression.Result(), "\n valu.count", "line 2, column 2: there is no valu: the variables are attempts, batch,"},
		"a text without quotes":      {expression.Result(), `status == ok`, "there is no ok: the variables are"},
		"a fact that there is not":   {expression.Result(), `fetch.bites`, "bites"},
		"a function":                 {expression.Result(), `system("x")`, "there is no system"},
		"a method":                   {expression.Result(), `elapsed.Seconds()`, "there is no function elapsed.Seconds"},
		"the time of day":            {expression.Result(), `now()`, "must always yield the same"},
		"the environment":            {expression.Result(), `$env`, "there is no $env: the variables are"},
		"the HTTP status, mixed up":  {expression.Result(), `status < 400`, `here status is "ok", "failed" or "cancelled"; the status of the HTTP answer is http_status`},
		"the end, mixed up":          {expression.Check(), `status == "ok"`, "here status is the status of the HTTP answer, such as 200; how the item ended is outcome"},
		"an argument that is wrong":  {expression.Result(), `seconds(key)`, "seconds"},
		"the environment of an item": {expression.Open(), `$env`, "the element is called it"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := expression.Compile(row.text, row.vocabulary)
			require.ErrorContains(t, err, row.want)
			require.Equal(t, events.ReasonInvalidParameter, ops.AsFailure(err).Reason)
		})
	}
}

func TestOver_says_why_it_yields_nothing(t *testing.T) {
	nothing := &events.Result{ID: "a", Status: events.StatusFailed}
	for text, reason := range map[string]events.Reason{
		`value.count`:                         events.ReasonComputation,
		`fetch.bytes`:                         events.ReasonComputation,
		`elapsed < duration("1s")`:            events.ReasonComputation,
		`value > 3`:                           events.ReasonComputation,
		`host(key)`:                           events.ReasonComputation,
		`truncate(finished, duration("-1s"))`: events.ReasonComputation,
		`1..200000`:                           events.ReasonTooLarge,
		`none(1..999, any(1..1000, false))`:   events.ReasonTooLarge,
		`reduce(1..60, #acc + #acc, "x")`:     events.ReasonTooLarge,
		`len(keys({"a": repeat("xxxxxxxxxx", 900000)}))`: events.ReasonTooLarge,
	} {
		_, err := over(t, expression.Result(), text, nothing)
		require.Error(t, err, text)
		require.Equal(t, reason, ops.AsFailure(err).Reason, text)
	}
	bad := page()
	bad.Value = json.RawMessage(`{"n":1e999}`)
	got, err := over(t, expression.Result(), `value`, bad)
	require.NoError(t, err)
	require.Nil(t, got, "a number beyond the range of floats spoils its document")
}

func TestRun_stops_when_its_context_ends(t *testing.T) {
	p, err := expression.Compile(`none(1..100000, any(1..99999, false))`, expression.Result())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = expression.NewMachine(expression.Limits{}).Over(ctx, p, expression.NewRecord(page()))
	require.ErrorIs(t, err, context.Canceled)
}

func TestMachine_gives_each_result_the_same_limits(t *testing.T) {
	p, err := expression.Compile(`len(repeat("xxxxxx", 900000))`, expression.Result())
	require.NoError(t, err)
	m := expression.NewMachine(expression.ForResult)
	for range 3 {
		got, err := m.Over(context.Background(), p, expression.NewRecord(page()))
		require.NoError(t, err)
		require.Equal(t, 5_400_000, got)
	}
}

func TestDocument_lists_all_variables(t *testing.T) {
	text, err := os.ReadFile("../../docs/expressions.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(text), "## Variables of a result")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "**`status` means two things.**")
	var told []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(table, -1) {
		told = append(told, row[1])
	}
	var known []string
	for _, v := range expression.Result().Variables() {
		known = append(known, v.Name)
	}
	require.ElementsMatch(t, known, told)
}

func FuzzOver(f *testing.F) {
	for _, text := range []string{
		`value.count`, `value.tags[0] + key`, `fetch.bytes / 3`, `truncate(finished, elapsed)`, `host(key) ?? 1`, `sum(map(toPairs(value), #[1]))`,
		`let x = value; uniq([x, toJSON(x), fromJSON('1'), split(string(x), '')])`, `keys(groupBy(value.tags, #))`,
	} {
		f.Add(text, []byte(page().Value))
	}
	m := expression.NewMachine(expression.ForResult)
	f.Fuzz(func(t *testing.T, text string, value []byte) {
		for _, v := range []expression.Vocabulary{expression.Result(), expression.Check()} {
			p, err := expression.Compile(text, v)
			if err != nil {
				require.Equal(t, events.ReasonInvalidParameter, ops.AsFailure(err).Reason)
				continue
			}
			r := page()
			if r.Value = value; !json.Valid(value) {
				r.Value = nil
			}
			started := time.Now()
			first, err1 := m.Over(context.Background(), p, expression.NewRecord(r))
			require.Less(t, time.Since(started), 20*time.Second, "it must end soon")
			second, err2 := m.Over(context.Background(), p, expression.NewRecord(r))
			require.Equal(t, err1 == nil, err2 == nil)
			if a, err := json.Marshal(first); err == nil {
				b, err := json.Marshal(second)
				require.NoError(t, err)
				require.Equal(t, string(a), string(b))
			}
		}
	})
}

func BenchmarkOver(b *testing.B) {
	for _, text := range []string{`value.count`, `key`, `value.count * 2 > 5`, `status == "ok"`} {
		b.Run(text, func(b *testing.B) {
			p, err := expression.Compile(text, expression.Result())
			require.NoError(b, err)
			m := expression.NewMachine(expression.ForResult)
			r := page()
			r.Value = json.RawMessage(`{"count":3}`)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Over(b.Context(), p, expression.NewRecord(r)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
