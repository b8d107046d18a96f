package recipe_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const split = head + `primary: n
params: {n: {type: integer}, low: {type: integer, default: 0}, k: {type: integer, default: 3}, s: {type: string}}
expand: {range: {from: $low, to: $n}, chunks: $k}
crunch: [{op: even, with: {from: $from, to: $to, part: $part, parts: $parts, s: $s}}]
`

// pieces are the arguments of the parts that an input becomes.
func pieces(t *testing.T, r *recipe.Recipe, in events.Input) (list []struct{ From, To, Part, Parts int64 }) {
	t.Helper()
	order, err := r.Resolve(in)
	require.NoError(t, err)
	require.Empty(t, order.Plan)
	for _, p := range order.Parts {
		var with struct{ From, To, Part, Parts int64 }
		require.NoError(t, json.Unmarshal(p.Crunch[0].With, &with))
		list = append(list, with)
	}
	return list
}

func TestExpand_splits_a_range_into_pieces_without_gaps(t *testing.T) {
	r, err := recipe.Parse([]byte(split))
	require.NoError(t, err)
	for _, c := range []struct{ low, n, k, want int64 }{
		{0, 10, 3, 3},
		{0, 2, 64, 2},
		{5, 6, 64, 1},
		{0, 0, 64, 1},
		{7, 3, 2, 1},
		{-10, 10, 7, 7},
		{0, 10_000_000_000, 64, 64},
		{-1 << 63, 1<<63 - 1, 10_000, 10_000},
		{1, 1_000_003, 10_000, 10_000},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			list := pieces(t, r, object(fmt.Sprintf(`{"low":%d,"n":%d,"k":%d}`, c.low, c.n, c.k)))
			require.Len(t, list, int(c.want))
			at, least, most := c.low, uint64(1<<63), uint64(0)
			for i, p := range list {
				require.Equal(t, []int64{int64(i), c.want, at}, []int64{p.Part, p.Parts, p.From})
				require.LessOrEqual(t, p.From, p.To)
				least, most = min(least, uint64(p.To)-uint64(p.From)), max(most, uint64(p.To)-uint64(p.From))
				at = p.To
			}
			require.Equal(t, max(c.low, c.n), at)
			require.LessOrEqual(t, most-least, uint64(1), "the pieces are of the same size")
		})
	}
}

func TestExpand_splits_without_a_range_into_numbered_parts(t *testing.T) {
	r, err := recipe.Parse([]byte(head + "expand: {}\ncrunch: [{op: a, with: {part: $part, of: $parts}}]\n"))
	require.NoError(t, err)
	order, err := r.Resolve(events.Input{})
	require.NoError(t, err)
	require.Len(t, order.Parts, 64)
	require.JSONEq(t, `{"part":63,"of":64}`, string(order.Parts[63].Crunch[0].With))
}

func TestExpand_refuses_an_item_that_cannot_be_split(t *testing.T) {
	r, err := recipe.Parse([]byte(split))
	require.NoError(t, err)
	for in, want := range map[string]struct {
		reason events.Reason
		text   string
	}{
		`{"n":10,"k":0}`:     {events.ReasonInvalidParameter, "use 1 to 10000"},
		`{"n":10,"k":10001}`: {events.ReasonInvalidParameter, "use 1 to 10000"},
		`{}`:                 {events.ReasonMissingParameter, "the range has no end"},
	} {
		_, err := r.Resolve(object(in))
		p, ok := errors.AsType[*recipe.ParamError](err)
		require.True(t, ok, in)
		require.Equal(t, want.reason, p.Reason)
		require.ErrorContains(t, err, want.text)
	}
}

func TestExpand_refuses_a_recipe_that_can_split_nothing(t *testing.T) {
	const params = "params: {n: {type: integer}, s: {type: string}}\n"
	for name, c := range map[string]struct{ doc, want string }{
		"too many chunks":             {"expand: {chunks: 10001}\n", "use 1 to 10000"},
		"a fraction of chunks":        {"expand: {chunks: 1.5}\n", "whole number"},
		"chunks of another type":      {params + "expand: {chunks: $s}\n", "parameter s is of type string: use an integer"},
		"an unknown parameter":        {"expand: {chunks: $x}\n", "there is none of this name"},
		"a range without end":         {params + "expand: {range: {from: $n}}\n", "to is missing"},
		"a range to a text":           {"expand: {range: {to: abc}}\n", "whole number"},
		"something unknown":           {"expand: {list: [1]}\n", "list"},
		"a parameter called part":     {"params: {part: {type: integer}}\nexpand: {}\n", "call the parameter something else"},
		"a range that is not there":   {"expand: {}\ncrunch: [{op: a, with: {x: $from}}]\n", "there is none of this name"},
		"a part of what is not split": {"crunch: [{op: a, with: {x: $part}}]\n", "there is none of this name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := recipe.Parse([]byte(head + c.doc))
			require.ErrorIs(t, err, recipe.ErrRecipe)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func FuzzExpand(f *testing.F) {
	r, err := recipe.Parse([]byte(split))
	require.NoError(f, err)
	f.Add(int64(0), int64(10), int64(3))
	f.Add(int64(-1<<63), int64(1<<63-1), int64(10_000))
	f.Fuzz(func(t *testing.T, low, n, k int64) {
		order, err := r.Resolve(object(fmt.Sprintf(`{"low":%d,"n":%d,"k":%d}`, low, n, k)))
		if err != nil {
			return
		}
		at := low
		for _, p := range order.Parts {
			var with struct{ From, To int64 }
			if err := json.Unmarshal(p.Crunch[0].With, &with); err != nil || with.From != at || with.To < with.From {
				t.Fatalf("%d to %d in %d parts: %s after %d (%v)", low, n, k, p.Crunch[0].With, at, err)
			}
			at = with.To
		}
		if at != max(low, n) {
			t.Fatalf("%d to %d in %d parts ends at %d", low, n, k, at)
		}
	})
}
