package docs_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/services/cruncher"
	"github.com/fetchmill/fetchmill/services/fetcher"
)

func TestRecipesAboutOperationsCanBeUsed(t *testing.T) {
	page, err := os.ReadFile("../../docs/ops.md")
	require.NoError(t, err)
	fetches, err := fetcher.Builtin(fetcher.NetConfig{})
	require.NoError(t, err)
	crunches := cruncher.Builtin()

	sections := regexp.MustCompile("(?m)^## `(.+)`$").FindAllStringSubmatch(string(page), -1)
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	require.Len(t, examples, len(sections), "each section has an example")
	for i, section := range sections {
		require.Contains(t, fetches, section[1])
		r, err := recipe.Parse([]byte(examples[i][1]))
		require.NoError(t, err, section[1])
		require.Equal(t, section[1], r.Fetch.Op)
		for _, step := range r.Crunch {
			require.Contains(t, crunches, step.Op)
		}
	}
}
