package recipe_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/internal/window"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestWindow(t *testing.T) {
	with := func(window string) (*recipe.Recipe, error) {
		return recipe.Parse([]byte("name: clicks\nsummary: Nothing.\ncrunch: [{op: noop}]\nreduce: [count]\n" + window))
	}
	t.Run("is read with the reductions, and travels", func(t *testing.T) {
		r, err := with("window: {size: 1m, slide: 10s, lateness: 0s, by: key}\n")
		require.NoError(t, err)
		require.Equal(t, events.WindowSliding, r.Window.Kind())
		require.Zero(t, r.Window.Lateness)
		require.Equal(t, window.DefaultIdle, r.Window.Idle)
		back, err := window.Decode(r.WindowJSON())
		require.NoError(t, err)
		require.Equal(t, *r.Window, back)
		require.Equal(t, r.Reduce, back.Reduce)
		r, err = with("window: {gap: 30s}\n")
		require.NoError(t, err)
		require.Equal(t, 30*time.Second, r.Window.Gap)
		r, err = with("")
		require.NoError(t, err)
		require.Nil(t, r.WindowJSON())
	})
	t.Run("says what to write instead, with the line", func(t *testing.T) {
		for text, want := range map[string]string{
			"window: {}":                       "neither size nor gap",
			"window: {size: 5}":                `size "5": write a duration`,
			"window: {size: 1m, idle: -1s}":    `idle "-1s": write a duration`,
			"window:\n  size: 1m\n  by: keys(": "line 5",
			"window: {every: 1m}":              "every",
			"window: {size: 1m}\nparams: {n: {type: integer, required: true}}\nexpand: {range: {from: 0, to: $n}, chunks: 4}": "leave out window or expand",
		} {
			_, err := with(text + "\n")
			require.ErrorIs(t, err, recipe.ErrRecipe, text)
			require.ErrorContains(t, err, want, text)
			require.ErrorContains(t, err, "line", text)
		}
	})
	t.Run("is described with a recipe that can be read", func(t *testing.T) {
		page, err := os.ReadFile("../../docs/windows.md")
		require.NoError(t, err)
		_, text, found := strings.Cut(string(page), "```yaml\n")
		require.True(t, found)
		text, _, _ = strings.Cut(text, "```")
		r, err := recipe.Parse([]byte(text))
		require.NoError(t, err)
		require.Equal(t, time.Minute, r.Window.Size)
	})
}
