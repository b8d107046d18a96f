package recipe_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/recipe"
)

func TestParse_reads_how_long_results_are_kept(t *testing.T) {
	const rest = "name: mine\nsummary: Does it.\ncrunch: [{op: hash, with: {}}]\n"
	for text, want := range map[string]*recipe.Retention{
		"":                                       nil,
		"retention: {age: 30d, rows: 1000000}\n": {Age: 720 * time.Hour, Rows: 1_000_000},
		"retention: {age: 12h}\n":                {Age: 12 * time.Hour},
		"retention: {rows: 5}\n":                 {Rows: 5},
		"retention: {age: 0s}\n":                 {},
		"retention: {}\n":                        {},
	} {
		r, err := recipe.Parse([]byte(rest + text))
		require.NoError(t, err, text)
		require.Equal(t, want, r.Retention, text)
	}
	for text, want := range map[string]string{
		"retention: {age: soon}\n":    "use 30d or 12h",
		"retention: {age: -1h}\n":     "use 30d or 12h",
		"retention: {age: 99999d}\n":  "use 30d or 12h",
		"retention: {rows: -1}\n":     "rows is -1",
		"retention: {rows: many}\n":   "line 4",
		"retention: {weight: 12kg}\n": "weight",
		"retention: 30d\n":            "line 4",
	} {
		_, err := recipe.Parse([]byte(rest + text))
		require.ErrorIs(t, err, recipe.ErrRecipe, text)
		require.ErrorContains(t, err, strings.TrimSpace(want), text)
	}
}
