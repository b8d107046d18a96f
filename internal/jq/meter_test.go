package jq_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/itchyny/gojq"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/jq"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// double makes a value of so many levels that is small in memory and endless when it is written out.
const double = `reduce range(64) as $i (1; [., .])`

func TestMeter_ends_queries_that_take_too_much(t *testing.T) {
	jq.LowerBounds(t)
	for name, query := range map[string]string{
		"a text that doubles":            `reduce range(64) as $i ("x"; . + .)`,
		"a text that doubles by update":  `reduce range(64) as $i ({a:"x"}; .a += .a) | .a | length`,
		"a text that is repeated":        `reduce range(9) as $i ("x"; . * 1000)`,
		"a text that is repeated once":   `"x" * 1e9`,
		"the other way round":            `1e9 * "x"`,
		"a list that doubles":            `reduce range(64) as $i ([1]; . + .) | length`,
		"a number that doubles":          `reduce range(64) as $i (12345678901234567890; . * .)`,
		"comparing":                      double + ` | . == .`,
		"ordering":                       double + ` | [., .] | sort`,
		"ordering by":                    double + ` | [., .] | sort_by(.)`,
		"grouping":                       double + ` | . as $x | [1,2] | group_by($x)`,
		"choosing the least":             double + ` | [., .] | min`,
		"writing":                        double + ` | tojson | length`,
		"writing as text":                double + ` | "\(.)" | length`,
		"writing in a format":            double + ` | @json | length`,
		"writing in a format with parts": double + ` | @base64 "a\(.)" | length`,
		"flattening":                     double + ` | flatten | length`,
		"adding":                         `reduce range(64) as $i ("x"; [., .] | add) | length`,
		"adding outputs":                 `reduce range(64) as $i ("x"; add(., .)) | length`,
		"joining":                        `reduce range(64) as $i ("x"; . as $x | [., .] | join($x)) | length`,
		"finding":                        double + ` | contains(.)`,
		"being inside":                   double + ` | inside(.)`,
		"being in":                       double + ` | . as $x | IN($x)`,
		"taking away":                    `[range(100000)] | . - [range(100000) | -.]| length`,
		"merging":                        `reduce range(64) as $i ({a:1}; {a: ., b: .}) | . * . | length`,
		"turning round":                  `[[range(100000)]] + [range(100000) | []] | transpose | length`,
		"an index":                       `[] | .[500000000] = 1 | length`,
		"an index of a name":             `500000000 as $i | [] | .[$i] |= 1 | length`,
		"a path":                         `null | setpath([500000000]; 1) | length`,
		"a path that is got":             `null | getpath([500000000]) |= 1 | length`,
		"a stream":                       `fromstream([[500000000], 1], [[500000000]]) | length`,
		"the nth":                        `null | nth(500000000) |= 1 | length`,
		"collecting for ever":            `[range(infinite)] | length`,
		"recursion without an end":       `def f: 1 + f; f`,
		"collecting texts":               `[range(infinite) | "x" * 1000000 + tostring] | length`,
		"what is caught":                 `try ("x" * 1e9) catch "no"`,
		"what is ignored":                `[("x" * 1e9)?] | length`,
		"in an if":                       `if true then "x" * 1e9 else 1 end`,
		"in a function":                  `def f($n): "x" * $n; f(1e9)`,
		"in a pattern":                   `{a: 1} as {("x" * 1e9): $v} | $v`,
		"in an object":                   `{("x" * 1e9): 1}`,
		"in a text":                      `"a\("x" * 1e9)" | length`,
		"in a slice":                     `[1] | .[("x" * 1e9 | length):]`,
		"in a suffix":                    `{a: 1}["x" * 1e9]`,
		"in a loop":                      `foreach range(3) as $i (0; 1; "x" * 1e9)`,
		"in a label":                     `label $out | "x" * 1e9`,
		"in a unary":                     `-("x" * 1e9 | length)`,
		"in a handler":                   `try error("a") catch ("x" * 1e9)`,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := outputs(ctx, t, query, `1`)
			require.Error(t, err)
			require.Equal(t, events.ReasonTooLarge, ops.AsFailure(err).Reason, "%v", err)
		})
	}
}

func TestMeter_lets_long_queries_be_that_hold_little(t *testing.T) {
	for query, want := range map[string]any{
		`reduce range(200000) as $i (0; . + $i)`:                                19999900000,
		`def f: if . < 100000 then . + 1 | f else . end; f`:                     100000,
		`0 | until(. >= 100000; . + 1)`:                                         100000,
		`reduce range(2000) as $i ([]; . + [$i]) | length`:                      2000,
		`reduce range(1000) as $i ({}; . + {"\($i)": $i}) | length`:             1000,
		`last(range(200000))`:                                                   199999,
		`[range(100000)] | map(. * 2) | add`:                                    9999900000,
		`[range(50000) | tostring] | join(",") | length`:                        288889,
		`reduce range(400) as $i (0; "x" * 1000000 | length)`:                   1000000, // nothing of it is kept
		`[range(20000)] | sort_by(-.) | group_by(. % 7) | map(length) | length`: 7,
	} {
		t.Run(query, func(t *testing.T) {
			list, err := outputs(t.Context(), t, query, `1`)
			require.NoError(t, err)
			require.Equal(t, []any{want}, list)
		})
	}
}

func TestMeter_reserves_its_names(t *testing.T) {
	for query, want := range map[string]string{
		`$__fm`:                       "reserved",
		`1 as $__fm | 1`:              "reserved",
		`. as {$__fm} | 1`:            "reserved",
		`. as [$__fm] | 1`:            "reserved",
		`def __fm_deep(x): 1; 2`:      "reserved",
		`def f($__fm): 1; 2`:          "reserved",
		`__fm_add`:                    "reserved",
		`def add: 1; add`:             "call yours something else",
		`def f(sort): sort; f(1)`:     "call yours something else",
		`. | (def join($x): 1; 2)`:    "call yours something else",
		`reduce . as $__fm (0; 1)`:    "reserved",
		`foreach . as $__fm (0; 1)`:   "reserved",
		`{a: (1 as $__fm | 1)} | .a`:  "reserved",
		`.[1 as $__fm | 1]`:           "reserved",
		`"\(1 as $__fm | 1)"`:         "reserved",
		`{"\(1 as $__fm | 1)": 1}`:    "reserved",
		`if $__fm then 1 else 2 end`:  "reserved",
		`try $__fm catch 1`:           "reserved",
		`-$__fm`:                      "reserved",
		`label $x | $__fm`:            "reserved",
		`. as [1, {"a": $__fm}] | 1`:  "",
		`1 as $x | 2 as $y | $x + $y`: "ok",
	} {
		_, err := jq.NewCache(1).Get(query)
		if want == "ok" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want, query)
		require.Equal(t, events.ReasonInvalidParameter, ops.AsFailure(err).Reason)
	}
}

// plain runs a query as the library does it.
func plain(ctx context.Context, query string, doc any) (list []any, failed bool, err error) {
	q, err := gojq.Parse(query)
	if err != nil {
		return nil, false, err
	}
	code, err := gojq.Compile(q)
	if err != nil {
		return nil, false, err
	}
	for outputs := code.RunWithContext(ctx, doc); len(list) < 1000; {
		v, ok := outputs.Next()
		if _, bad := v.(error); !ok || bad {
			return list, bad, nil
		}
		list = append(list, v)
	}
	return list, false, nil
}

// Metered queries yield what plain ones do.
func TestMeter_changes_no_results(t *testing.T) {
	const document = `{"a":[3,1,2,{"b":"x"}],"s":"one two","n":null,"o":{"k":[1,[2]],"l":"é"},"t":true,"f":1.5,"users":[{"name":"ann","age":31},{"name":"bob","age":25},{"name":"eve","age":31}]}`
	for _, query := range []string{
		`.`, `..`, `.a[]`, `.a[0]`, `.a[-1]`, `.a[1:]`, `.a[:2]`, `.a[1:][0]`, `.o.k[1][0]`, `.["s"]`, `."s"`, `.a[1,2]`, `.x?`, `.s[0:3]`, `.a | .[length - 1]`,
		`(1,2) + (10,20)`, `(1,2) - (10,20)`, `(1,2) * (10,20)`, `(1,2) / (10,20)`, `(5,7) % (2,3)`, `(1,2) < (1,3)`, `(.f,2) * (.f,3)`, `(.f,2) - (.f,3)`,
		`"ab" * 2`, `"ab" * 0`, `"ab" * -1`, `2 * "ab"`, `"ab" * 1.5`, `{a:{b:1}} * {a:{c:2}}`, `"a,b" / ","`, `[1,2,1] - [1]`, `.a - [3]`, `"x" - 1`, `null + 1`, `{} + {a: 1}`,
		`.f += 1`, `.a[0] += 10`, `.a[0] -= (1,2)`, `.f *= 2`, `.f /= 2`, `.a[0] %= 2`, `.n //= 5`, `.a[0,1] += .f`, `.users[].age += 1`, `.users[] |= .name`, `(.a[0], .f) |= . + 1`,
		`.a[7] = 1`, `.new.path[2] = 1`, `.a |= map(numbers)`, `.a[1:2] = ["q"]`, `to_entries`, `with_entries(.key |= "k" + .)`, `.o | with_entries(select(.key == "k"))`,
		`[paths]`, `[paths(type == "number")]`, `path(.a[0].b?)`, `[path(..)]`, `path(.users[] | select(.age == 31))`, `path(getpath(["o", "k"]))`, `path(first(.a[]))`,
		`getpath(["o","k",0])`, `setpath(["o","k",0]; 9)`, `del(.a)`, `del(.a[0,1])`, `delpaths([["a"],["s"]])`, `del(.users[] | select(.age > 30))`, `pick(.o.k[1])`, `path(map_values(.))?`,
		`.users | map(.age) | add`, `.users | add(.[].age)`, `.users | sort_by(.age)`, `.users | sort_by(.age, .name)`, `.users | group_by(.age)`, `.users | unique_by(.age)`, `.users | min_by(.age), max_by(.age)`,
		`.users | INDEX(.name)`, `INDEX(.users[]; .age)`, `.users | any(.age > 30), all(.age > 30)`, `.s | IN("one two", "x")`, `IN(.a[]; 1, 2)`, `.a | map(tojson)`, `.a | map(tostring)`, `[.a[] | type]`,
		`[.a[] | numbers] | sort`, `.a | min, max`, `.a | unique`, `.o | flatten?`, `.o.k | flatten`, `.o.k | flatten(1)`, `[[1,2],[3]] | transpose`, `[[1,2],[3,4]] | [combinations]`, `[2 | combinations(2)?]`,
		`.s | split(" ")`, `.s | split(" "; null)`, `.s | split(" ") | join("-")`, `.s | test("o")`, `[.s | match("o"; "g").offset]`, `.s | sub("o"; "0")`, `.s | gsub("(?<x>o)"; .x + "!")`, `.s | gsub("o"; "1", "2")`, `.s | gsub("O"; "0"; "i")`,
		`.s | ltrimstr("one"), rtrimstr("two"), trimstr("o")`, `.s | explode | implode`, `.s | ascii_upcase`, `.s | index("o"), rindex("o"), indices("o")`, `.a | index(1)`, `[1,2,1] | indices([1])`, `.a | contains([1])`, `[1] | inside([1,2])`, `"on" | inside("one")`,
		`@json`, `.s | @base64`, `.s | @base64 | @base64d`, `@text "a\(.s)b\(.f)"`, `@uri "?q=\(.s)"`, `"\(.a)\(.n)"`, `[.s, .f] | @csv`, `[.s] | @sh`, `.s | @html`, `@json "x\(1,2)y\(3,4)"`, `{"a\(1)": 2}`, `{(.s, "y"): 1}`, `{s, "f": .n, @base64 "x": 1}`,
		`def f(x): x * 2; f(.f)`, `def f($a; $b): $a + $b; f(1,2; 10,20)`, `def fac: if . <= 1 then 1 else . * (. - 1 | fac) end; 10 | fac`, `def f: def g: 3; g; f`, `[recurse(if . < 3 then . + 1 else empty end)]?`, `2 | [recurse(. * .; . < 100)]`, `[1 | while(. < 100; . * 2)]`, `1 | until(. > 100; . * 2)`, `[limit(3; repeat(1))]`,
		`reduce .a[] as $x (0; . + ($x | numbers))`, `[foreach range(5) as $i (0; . + $i; [$i, .])]`, `[foreach (1,2,3) as $x (0; . + $x)]`, `label $out | 1, break $out, 2`, `[range(0; 10; 3)]`, `first(range(10)), last(range(3)), nth(2; range(10))`, `[.a[] | numbers] | nth(1)`, `isempty(empty)`,
		`. as {s: $x, o: {k: [$y]}} | [$x, $y]`, `. as {$s, o: {("k", "l"): $v}} | [$s, $v]`, `.a as [$x, $y] | $x + $y`, `. as [$x] ?// {a: $x} | $x`, `try error("x") catch .`, `try error({a: 1}) catch .a`, `error("x")`, `.a.b`, `.[] as $x | $x | .y?`, `[.[] | try length catch "no"]`,
		`if .t then 1 elif .n then 2 else 3 end`, `.n // "d"`, `.t and .n, (.t or .n), (.t | not)`, `-.f`, `-(1,2)`, `[.a[:2][] | -.]`, `tojson | fromjson`, `.f | tostring | tonumber`, `"12" | tonumber`, `"x" | tonumber`, `[splits("a";"b")]?`, `[.s | splits(" ")]`, `tostream`, `fromstream(tostream)`, `[1, [2]] | [tostream]`, `fromstream(1 | truncate_stream([[0],1],[[1,0],2],[[1,0]],[[1]]))`,
		`walk(if type == "number" then . + 1 else . end)`, `.users | map({(.name): .age}) | add`, `[.users[] | select(.age > 30 and .name != "eve")]`, `.users | map(select(.name | startswith("a") | not)) | length`, `[range(10)] | bsearch(5), bsearch(50)`, `input`, `$ENV`, `env`, `ltrimstr(1)`, `splits`, `infinite, -infinite, nan | isinfinite`, `[nan] | sort`, `nan < nan`, `[.[]?] | length`, `path(nan)?`, `123456789012345678901234567890 + 1`, `100000000000000000000 * 3`, `now | type`, `"2015-03-05T23:51:47Z" | fromdate`, `limit(0; 1)`, `@text`, `ascii`, `getpath(["x",0,"y"])`, `[getpath(["a",0], ["f"])]`, `.. |= .`, `.a[] |= empty`, `halt`, `1, halt, 2`, `"a" | halt_error`, `$__loc__`, `[.users[] as {name: $n, age: $a} | "\($n):\($a)"]`, `.users | (.[] | select(.name == "ann") | .age) = 5`, `[.a[] as $x | .f as $y | $x, $y] | length`, `.a + .o.k - [1]`, `.a == .a, .a < .o.k, .o != .a`, `[1,[2,3]] as [$x, [$y, $z]] | $x * $y - $z / 2`, `toarray`, `.a | toarray`, `have_literal_numbers`, `abs`, `.f | abs`, `[1,2] | add, add(.[] * 2)`, `getpath(["a"]) |= length`, `to_entries[] | select(.value == null).key`, `[limit(5; range(100))] | .[2:4] = [7,8,9]`, `.[("a","f")]`, `.a[.f:]?`, `@base32 "\(1)"`, `ascii_downcase?`, `try (1 / 0) catch .`, `.a | first, last`, `skip(2; range(5))`, `[.[] | scalars]`, `splits("a")?`,
	} {
		doc, err := jq.Decode([]byte(document))
		require.NoError(t, err)
		want, failed, err := plain(t.Context(), query, doc)
		if err != nil {
			_, bad := jq.NewCache(1).Get(query)
			require.Error(t, bad, query)
			continue
		}
		got, err := outputs(t.Context(), t, query, document)
		if query == `halt` || strings.Contains(query, ", halt,") {
			require.NoError(t, err)
			require.Equal(t, want, got, query)
			continue
		}
		require.Equal(t, failed, err != nil, "%s: %v", query, err)
		require.Equal(t, text(t, want), text(t, got), query)
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	raw, err := gojq.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

func BenchmarkMeter(b *testing.B) {
	doc, err := jq.Decode([]byte(`{"items":[` + strings.Repeat(`{"name":"x","price":2.5,"tags":["a","b"]},`, 1000) + `{"price":9}]}`))
	require.NoError(b, err)
	const query = `[.items[] | select(.price > 3 or .name == .tags[0]) | .price * 2] | add`
	b.Run("plain", func(b *testing.B) {
		q, err := gojq.Parse(query)
		require.NoError(b, err)
		code, err := gojq.Compile(q)
		require.NoError(b, err)
		for b.Loop() {
			code.RunWithContext(b.Context(), doc).Next()
		}
	})
	b.Run("metered", func(b *testing.B) {
		q, err := jq.NewCache(1).Get(query)
		require.NoError(b, err)
		for b.Loop() {
			for _, err := range q.Outputs(b.Context(), doc) {
				require.NoError(b, err)
			}
		}
	})
}
