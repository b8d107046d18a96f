package docs_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/services/cruncher"
	"github.com/fetchmill/fetchmill/services/fetcher"
)

var (
	opSection  = regexp.MustCompile("(?ms)^## `([a-z.]+)`$\n(.*?)(?:^##? |\\z)")
	yamlRecipe = regexp.MustCompile("(?s)```yaml\n(name: .*?)```")
)

func TestEveryOperationIsDescribed(t *testing.T) {
	page, err := os.ReadFile("../../docs/ops.md")
	require.NoError(t, err)
	fetches, err := fetcher.Builtin(fetcher.NetConfig{})
	require.NoError(t, err)
	all := maps.Clone(fetches)
	maps.Copy(all, cruncher.Builtin())
	checks := recipe.Checks{Fetch: fetches.Checks(), Crunch: cruncher.Builtin().Checks()}
	delete(all, "noop") // for measuring

	text := strings.ReplaceAll(string(page), "\n## ", "\n\n## ") // so that each section ends before the next begins
	var described []string
	for text != "" {
		found := opSection.FindStringSubmatchIndex(text)
		if found == nil {
			break
		}
		op, section := text[found[2]:found[3]], text[found[4]:found[5]]
		text = text[found[5]:]
		require.Contains(t, all, op)
		described = append(described, op)
		for _, example := range yamlRecipe.FindAllStringSubmatch(section, -1) {
			r, err := checks.Parse([]byte(example[1]))
			require.NoError(t, err, op)
			var steps []string
			if r.Fetch != nil {
				require.Contains(t, fetches, r.Fetch.Op)
				steps = append(steps, r.Fetch.Op)
			}
			for _, step := range r.Crunch {
				require.Contains(t, all, step.Op)
				steps = append(steps, step.Op)
			}
			require.Contains(t, steps, op, "an example shows the operation that it stands with")
		}
	}
	require.Equal(t, slices.Sorted(maps.Keys(all)), slices.Sorted(slices.Values(described)))
}
