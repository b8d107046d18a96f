package ingest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestWindow_travels_with_items_and_with_what_is_refused(t *testing.T) {
	r, err := recipe.Parse([]byte("name: clicks\nsummary: Nothing.\nprimary: n\nparams: {n: {type: integer, required: true}}\ncrunch: [{op: noop}]\nwindow: {size: 1m}\n"))
	require.NoError(t, err)
	happened := noon.Add(-time.Hour)
	in := intake(t)
	in.Recipes = recipe.NewCatalog(r)
	v := in.Work(t.Context(), message("work.clicks", "1", map[string]string{"time": "2026-01-31T11:00:00Z"}))
	it := item(t, v.Publish[0])
	require.JSONEq(t, `{"size_ms":60000,"lateness_ms":60000,"idle_ms":60000}`, string(it.Window))
	require.Equal(t, happened, it.Time)

	v = in.Work(t.Context(), message("work.clicks", "one", map[string]string{"time": "2026-01-31T11:00:00Z"}))
	refused := result(t, v.Publish[0])
	require.Equal(t, events.StatusFailed, refused.Status)
	require.JSONEq(t, string(it.Window), string(refused.Window))
	require.Equal(t, happened, refused.Time)
}
