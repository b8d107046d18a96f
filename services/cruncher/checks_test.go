package cruncher_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/cruncher"
)

func TestQueries_and_expressions_are_refused_before_they_run(t *testing.T) {
	checks := recipe.Checks{Crunch: cruncher.Builtin().Checks()}
	const head = "name: mine\nsummary: Mine.\nprimary: q\nparams: {q: {type: string}}\ncrunch:\n"
	for step, bad := range map[string]string{
		"{op: jq, with: {query: $q}}": ".[", "{op: expr, with: {map: $q}}": "it +", "{op: expr, with: {filter: $q}}": "it >",
	} {
		t.Run(step+" with "+bad, func(t *testing.T) {
			r, err := checks.Parse([]byte(head + "- " + step + "\n"))
			require.NoError(t, err)
			_, err = r.Resolve(events.Input{Text: bad})
			require.ErrorContains(t, err, "crunch step 1", "when an item is submitted")
		})
	}
	for _, step := range []string{"{op: jq, with: {query: '.['}}", "{op: expr, with: {map: 'it +'}}", "{op: expr, with: {filter: 'it >'}}"} {
		t.Run(step, func(t *testing.T) {
			_, err := checks.Parse([]byte(head + "- " + step + "\n"))
			require.ErrorIs(t, err, recipe.ErrRecipe, "when the recipe is read")
			require.ErrorContains(t, err, "crunch step 1")
		})
	}
}
