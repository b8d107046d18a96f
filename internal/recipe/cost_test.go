package recipe_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/recipe"
)

func TestCost_is_a_parameter_that_is_a_number(t *testing.T) {
	r := get(t, "count")
	require.Equal(t, "n", r.Cost)
	require.InDelta(t, 10, r.CostOf(text("10")), 0)
	require.InDelta(t, 1e6, r.CostOf(object(`{"n":1e6}`)), 0)
	require.InDelta(t, 0, r.CostOf(object(`{"n":"x"}`)), 0)
	require.InDelta(t, 0, get(t, "page").CostOf(text("10")), 0)
	for doc, want := range map[string]string{
		head + "cost: n\n": "no such parameter",
		head + "params: {n: {type: string}}\ncost: n\n": "must be an integer or a number",
	} {
		_, err := recipe.Parse([]byte(doc))
		require.ErrorContains(t, err, want)
	}
}
