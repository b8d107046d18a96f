package app

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/services/sink"
)

func TestRetention_of_recipes_comes_after_what_the_operator_says_of_them(t *testing.T) {
	var list []*recipe.Recipe
	for name, keep := range map[string]string{"a": "retention: {age: 30d, rows: 7}", "b": "retention: {age: 1h}", "c": ""} {
		r, err := recipe.Parse([]byte("name: " + name + "\nsummary: Does it.\ncrunch: [{op: hash, with: {}}]\n" + keep))
		require.NoError(t, err)
		list = append(list, r)
	}
	given := sink.RetentionConfig{Keep: store.Keep{Count: 9, Least: time.Minute}, Recipes: map[string]store.Keep{"b": {Count: 1}}}
	got := retention(given, recipe.NewCatalog(list...))
	require.Equal(t, given.Keep, got.Keep)
	require.Equal(t, map[string]store.Keep{"a": {Age: 720 * time.Hour, Count: 7}, "b": {Count: 1}}, got.Recipes)
	require.Len(t, given.Recipes, 1, "what was given is left as it was")
}
