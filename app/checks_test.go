package app

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/cruncher"
	"github.com/fetchmill/fetchmill/services/ingest"
)

func TestIngest_refuses_what_the_cruncher_could_not_do(t *testing.T) {
	recipes, err := recipe.Checks{Crunch: cruncher.Builtin().Checks()}.Builtins()
	require.NoError(t, err)
	_, err = ingest.Accept(recipes, "json", events.Input{Params: json.RawMessage(`{"url":"https://example.com/","select":".a["}`)}, "k", time.Unix(0, 0))
	require.ErrorContains(t, err, `crunch step 1, op jq: jq query ".a["`)
	var refusal *ingest.Refusal
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, events.ReasonInvalidParameter, refusal.Reason)
}

// What it costs to judge the arguments of each item.
func BenchmarkAccept(b *testing.B) {
	for _, row := range []struct {
		name   string
		checks recipe.Checks
	}{{"unchecked", recipe.Checks{}}, {"checked", recipe.Checks{Crunch: cruncher.Builtin().Checks()}}} {
		recipes, err := row.checks.Builtins()
		require.NoError(b, err)
		for _, name := range []string{"count", "page", "json"} {
			input := events.Input{Text: "1000"}
			if name != "count" {
				input.Text = "https://example.com/"
			}
			b.Run(row.name+" "+name, func(b *testing.B) {
				for b.Loop() {
					if _, err := ingest.Accept(recipes, name, input, "k", time.Unix(0, 0)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
