package cruncher_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher"

	"github.com/stretchr/testify/require"
)

func TestTextStats_counts(t *testing.T) {
	type stats map[string]int
	for name, c := range map[string]struct {
		text string
		want stats
	}{
		"nothing":           {"", stats{}},
		"one line":          {"Hello, world", stats{"bytes": 12, "characters": 12, "words": 2, "lines": 1, "sentences": 1, "longest_line": 12, "longest_word": 5}},
		"two lines":         {"a\nbc\n", stats{"bytes": 5, "characters": 5, "words": 2, "lines": 2, "sentences": 1, "longest_line": 2, "longest_word": 2}},
		"lines of Windows":  {"a\r\n\r\nbc", stats{"bytes": 7, "characters": 7, "words": 2, "lines": 3, "blank_lines": 1, "sentences": 1, "longest_line": 2, "longest_word": 2}},
		"characters":        {"naïve café", stats{"bytes": 12, "characters": 10, "words": 2, "lines": 1, "sentences": 1, "longest_line": 10, "longest_word": 5}},
		"sentences":         {`Pi is 3.14. "Really?" Yes!`, stats{"bytes": 26, "characters": 26, "words": 6, "lines": 1, "sentences": 3, "longest_line": 26, "longest_word": 6}},
		"Chinese":           {"你好。再见。", stats{"bytes": 18, "characters": 6, "words": 4, "lines": 1, "sentences": 2, "longest_line": 6, "longest_word": 1}},
		"not UTF-8":         {"a\xff\xfeb", stats{"bytes": 4, "characters": 4, "words": 2, "lines": 1, "sentences": 1, "longest_line": 4, "longest_word": 1, "invalid": 2}},
		"a byte order mark": {"\ufeffa", stats{"bytes": 4, "characters": 1, "words": 1, "lines": 1, "sentences": 1, "longest_line": 1, "longest_word": 1}},
		"marks and joiners": {"e\u0301te\u0301 don't rock’n’roll -- '90s", stats{"bytes": 37, "characters": 31, "words": 4, "lines": 1, "sentences": 1, "longest_line": 31, "longest_word": 11}},
	} {
		t.Run(name, func(t *testing.T) {
			want := stats{"bytes": 0, "characters": 0, "words": 0, "lines": 0, "blank_lines": 0, "sentences": 0, "longest_line": 0, "longest_word": 0, "invalid": 0}
			for k, v := range c.want {
				want[k] = v
			}
			out, err := run(t, "text.stats", `{}`, ops.Input{Body: []byte(c.text)})
			require.NoError(t, err)
			var got stats
			require.NoError(t, json.Unmarshal(out.Value, &got))
			require.Equal(t, want, got)
		})
	}
}

func TestTextStats_of_a_value_that_is_a_string_counts_its_text(t *testing.T) {
	out, err := run(t, "text.stats", `{}`, ops.Input{Value: json.RawMessage(`"a\nb"`)})
	require.NoError(t, err)
	require.Contains(t, string(out.Value), `"bytes":3,"characters":3,"words":2,"lines":2`)
}

func TestWords_counts(t *testing.T) {
	text := "The cat and the dog. THE END? Don’t, don't; and l'été, l’Été 2026 x_1"
	for name, c := range map[string]struct{ with, want string }{
		"the first":          {`{"top":3}`, `{"words":14,"distinct":9,"top":[{"word":"the","count":3},{"word":"and","count":2},{"word":"don't","count":2}]}`},
		"with case":          {`{"top":2,"fold":false}`, `{"words":14,"distinct":13,"top":[{"word":"and","count":2},{"word":"2026","count":1}]}`},
		"long ones":          {`{"min_length":5}`, `{"words":4,"distinct":2,"top":[{"word":"don't","count":2},{"word":"l'été","count":2}]}`},
		"without stop words": {`{"min_length":4,"stop":["DON’T","end"]}`, `{"words":3,"distinct":2,"top":[{"word":"l'été","count":2},{"word":"2026","count":1}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := run(t, "words", c.with, ops.Input{Body: []byte(text)})
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(out.Value))
		})
	}
}

func TestWords_of_nothing_are_none(t *testing.T) {
	out, err := run(t, "words", `{}`, ops.Input{})
	require.NoError(t, err)
	require.JSONEq(t, `{"words":0,"distinct":0,"top":[]}`, string(out.Value))
}

func TestWords_that_are_too_long_are_left_out(t *testing.T) {
	out, err := run(t, "words", `{}`, ops.Input{Body: []byte(strings.Repeat("a", 100) + " " + strings.Repeat("b", 101))})
	require.NoError(t, err)
	require.Contains(t, string(out.Value), `"words":1,`)
}

func TestWords_refuses(t *testing.T) {
	var many strings.Builder
	for i := range 500_001 {
		fmt.Fprintf(&many, "%x ", i)
	}
	for name, c := range map[string]struct {
		with, body string
		reason     events.Reason
		text       string
	}{
		"too many different words": {`{}`, many.String(), events.ReasonTooLarge, "count parts of it"},
		"no top":                   {`{"top":0}`, "", events.ReasonInvalidParameter, "from 1 to 1000"},
		"a negative length":        {`{"min_length":-1}`, "", events.ReasonInvalidParameter, "from 1 to 100"},
		"an unknown argument":      {`{"most":1}`, "", events.ReasonInvalidParameter, "unknown field"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := run(t, "words", c.with, ops.Input{Body: []byte(c.body)})
			require.ErrorContains(t, err, c.text)
			require.Equal(t, c.reason, reason(err))
		})
	}
}

func BenchmarkText(b *testing.B) {
	body := []byte(strings.Repeat("It was the best of times, it was the worst of times… ", 20_000))
	for _, name := range []string{"text.stats", "words"} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := cruncher.Builtin()[name].Run(b.Context(), ops.Input{Body: body}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func FuzzText(f *testing.F) {
	set := cruncher.Builtin()
	f.Add(`{}`, []byte("Hello, world.\r\n"))
	f.Add(`{"top":2,"fold":false,"stop":["a"]}`, []byte("a’b e\u0301 你好 \xff"))
	f.Fuzz(func(t *testing.T, with string, body []byte) {
		fuzzed(t, set["words"], ops.Input{With: json.RawMessage(with), Body: body})
		fuzzed(t, set["text.stats"], ops.Input{Body: body})
		out, err := set["text.stats"].Run(t.Context(), ops.Input{Body: body})
		require.NoError(t, err)
		var v struct{ Bytes, Characters, Lines, Words int64 }
		require.NoError(t, json.Unmarshal(out.Value, &v))
		require.Equal(t, int64(len(body)), v.Bytes)
		require.LessOrEqual(t, v.Characters, v.Bytes)
		require.LessOrEqual(t, v.Words, v.Characters)
		require.LessOrEqual(t, v.Lines, v.Characters+1)
	})
}
