package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/cruncher"
	"github.com/fetchmill/fetchmill/services/ingest"
)

func TestIngest_refuses_what_the_cruncher_could_not_do(t *testing.T) {
	recipes, err := recipe.Checks{Crunch: cruncher.Builtin().Checks()}.Builtins()
	require.NoError(t, err)
	in := &ingest.Intake{Recipes: recipes}
	_, _, p := in.Run(ingest.Request{Subject: "run.json", Data: []byte(`{"url":"https://example.com/","select":".a["}`), Reply: "_INBOX.a"})
	require.NotNil(t, p)
	require.Equal(t, events.ReasonInvalidParameter, p.Reason)
	require.Contains(t, p.Detail, `crunch step 1, op jq: jq query ".a["`)
}

// What it costs to judge the arguments of each item.
func BenchmarkIngest(b *testing.B) {
	for _, row := range []struct {
		name   string
		checks recipe.Checks
	}{{"unchecked", recipe.Checks{}}, {"checked", recipe.Checks{Crunch: cruncher.Builtin().Checks()}}} {
		recipes, err := row.checks.Builtins()
		require.NoError(b, err)
		in := &ingest.Intake{Recipes: recipes}
		for _, name := range []string{"count", "page", "json"} {
			req := ingest.Request{Subject: "run." + name, Data: []byte("1000"), Reply: "_INBOX.a"}
			if name != "count" {
				req.Data = []byte("https://example.com/")
			}
			b.Run(row.name+" "+name, func(b *testing.B) {
				for b.Loop() {
					if _, _, p := in.Run(req); p != nil {
						b.Fatal(p)
					}
				}
			})
		}
	}
}
