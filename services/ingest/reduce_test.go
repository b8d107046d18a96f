package ingest_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/ingest"

	"github.com/stretchr/testify/require"
)

// reducing is an intake with a recipe that declares reductions.
func reducing(t testing.TB) *ingest.Intake {
	t.Helper()
	r, err := recipe.Parse([]byte(bare + "reduce:\n  - count as n\n  - {name: total, op: sum, of: value.n, by: key}\n"))
	require.NoError(t, err)
	in := intake(t)
	in.Recipes = recipe.NewCatalog(r)
	return in
}

const (
	own      = `{"name":"n","op":"count"},{"name":"total","op":"sum","of":"value.n","by":"key"}`
	replaced = `{"name":"n","op":"max","of":"value"},{"name":"total","op":"sum","of":"value.n","by":"key"}`
)

func TestReductions_travel_with_the_items_of_a_batch(t *testing.T) {
	in := reducing(t)
	for name, c := range map[string]struct {
		header map[string]string
		want   string
	}{
		"what the recipe declares":             {map[string]string{"batch": "b"}, `[` + own + `]`},
		"nothing without a batch":              {nil, ``},
		"one more in the short form":           {map[string]string{"batch": "b", "Reduce": "max(value)"}, `[` + own + `,{"name":"max(value)","op":"max","of":"value"}]`},
		"a list, which replaces what it names": {map[string]string{"batch": "b", "reduce": `["max(value) as n"]`}, `[` + replaced + `]`},
		"an attribute of an event": {map[string]string{
			"batch": "b", "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/x", "ce-type": "t", "ce-reduce": "max(value) as n",
		}, `[` + replaced + `]`},
	} {
		t.Run(name, func(t *testing.T) {
			v := in.Work(context.Background(), message("work.bare", "x", c.header))
			r := result(t, v.Publish[0])
			require.Equal(t, events.StatusOK, r.Status, r.Error)
			require.Equal(t, c.want, string(r.Reduce))
		})
	}
}

func TestReductions_that_cannot_be_done_are_refused(t *testing.T) {
	for name, c := range map[string]struct {
		header map[string]string
		want   string
	}{
		"a mistake in an expression": {map[string]string{"batch": "b", "reduce": "sum(valu)"}, "line 1, column 1: there is no valu"},
		"a broken list":              {map[string]string{"batch": "b", "reduce": `["count"`}, "write a list of reductions"},
		"no batch":                   {map[string]string{"reduce": "count"}, "results are reduced over a batch: name one"},
	} {
		t.Run(name, func(t *testing.T) {
			v := reducing(t).Work(context.Background(), message("work.bare", "x", c.header))
			r := result(t, v.Publish[0])
			require.Equal(t, events.ReasonInvalidParameter, r.Reason)
			require.Contains(t, r.Error, c.want)
			if c.header["batch"] != "" {
				require.Equal(t, `[`+own+`]`, string(r.Reduce), "what the recipe declares can count what is refused")
			}
		})
	}
	t.Run("what is refused for another reason counts in its batch's reductions", func(t *testing.T) {
		v := reducing(t).Work(context.Background(), message("work.bare", `{"b":1}`, map[string]string{"batch": "b", "reduce": "max(value) as n"}))
		require.Equal(t, `[`+replaced+`]`, string(result(t, v.Publish[0]).Reduce))
	})
	t.Run("when the batch is opened", func(t *testing.T) {
		for body, want := range map[string]string{
			`{"batch":"b","recipe":"bare","reduce":["count by"]}`: "nothing follows by",
			`{"batch":"b","recipe":"nobody","reduce":["add(1)"]}`: "there is no operation",
			`{"batch":"b","recipe":"bare","reduce":["count"]}`:    "",
			`{"batch":"b","recipe":"nobody","reduce":["count"]}`:  "",
		} {
			_, problem := reducing(t).Batch(context.Background(), ingest.Request{Subject: "batch.open", Data: []byte(body)})
			if want == "" {
				require.Nil(t, problem)
				continue
			}
			require.NotNil(t, problem, body)
			require.Equal(t, http.StatusBadRequest, problem.Status)
			require.Contains(t, problem.Detail, want)
		}
	})
}

func TestHTTP_takes_reductions_in_headers_that_may_be_repeated(t *testing.T) {
	pub := new(capture)
	a := send(t, pub, "/v1/work/noop", "1", "Batch: b", "Reduce: count", "Reduce: max(value)")
	require.Equal(t, http.StatusAccepted, a.status)
	require.Equal(t, `[{"name":"count","op":"count"},{"name":"max(value)","op":"max","of":"value"}]`, string(item(t, pub.out[0]).Reduce))
}
