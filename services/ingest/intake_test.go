package ingest_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/ingest"

	"github.com/stretchr/testify/require"
)

var (
	noon        = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	traceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
)

const bare = "name: bare\nsummary: has no steps\nprimary: a\nparams: {a: {type: string}}\n"

// intake has the built-in recipes and one without steps; its clock stands still.
func intake(t testing.TB) *ingest.Intake {
	t.Helper()
	builtins, err := recipe.Builtins()
	require.NoError(t, err)
	r, err := recipe.Parse([]byte(bare))
	require.NoError(t, err)
	return &ingest.Intake{
		Recipes: recipe.NewCatalog(append(builtins.List(), r)...), Now: func() time.Time { return noon },
		Cancel: func(context.Context, string) error { return nil },
	}
}

func item(t testing.TB, out stage.Outgoing) *events.Item {
	t.Helper()
	it, err := events.DecodeItem(out.Data)
	require.NoError(t, err)
	return it
}

func result(t testing.TB, out stage.Outgoing) *events.Result {
	t.Helper()
	r, err := events.DecodeResult(out.Data)
	require.NoError(t, err)
	return r
}

func TestAccept_makes_an_item(t *testing.T) {
	in := intake(t)
	input := events.Input{Text: "http://h/", Batch: "b1", Index: 7, Lane: events.LaneHigh, Deadline: noon.Add(time.Hour)}
	it, err := ingest.Accept(in.Recipes, "page", input, "k1", noon)
	require.NoError(t, err)
	require.Equal(t, "http://h/", it.Key)
	require.JSONEq(t, `{"id":"k1","recipe":"page","batch":"b1","index":7,"key":"http://h/","lane":"high","params":{"url":"http://h/"},
		"plan":{"fetch":{"op":"http.get","with":{"url":"http://h/"},"timeout_ms":30000,"attempts":5},"crunch":[{"op":"hash","with":{}}]},
		"submitted":"2026-01-31T12:00:00Z","deadline":"2026-01-31T13:00:00Z"}`, string(mustJSON(t, it)))
}

func TestAccept_refuses_with_a_reason(t *testing.T) {
	in := intake(t)
	deep := strings.Repeat("[", 1001) + strings.Repeat("]", 1001)
	for name, c := range map[string]struct {
		recipe string
		input  events.Input
		reason events.Reason
		want   string
	}{
		"an unknown recipe":   {"pagee", events.Input{}, events.ReasonUnknownRecipe, `did you mean "page"?`},
		"a missing parameter": {"page", events.Input{}, events.ReasonMissingParameter, "nats pub work.page https://example.com/"},
		"a wrong parameter":   {"page", events.Input{Text: "x y"}, events.ReasonInvalidParameter, "must be a URL"},
		"a deep parameter":    {"page", events.Input{Params: json.RawMessage(`{"url":` + deep + `}`)}, events.ReasonInvalidParameter, "nested deeper"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ingest.Accept(in.Recipes, c.recipe, c.input, "k1", noon)
			var r *ingest.Refusal
			require.ErrorAs(t, err, &r)
			require.Equal(t, c.reason, r.Reason)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestAccept_shortens_a_long_key(t *testing.T) {
	it, err := ingest.Accept(intake(t).Recipes, "noop", events.Input{Text: strings.Repeat("é", 10_000)}, "k1", noon)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("é", 4096), it.Key)
	require.Len(t, it.Params, len(`{"key":""}`)+20_000)
}

func TestRoute_leads_to_the_first_stage(t *testing.T) {
	in := intake(t)
	for recipeName, c := range map[string]struct{ text, subject, msgID, eventType string }{
		"page":  {"http://h/", "fetch.low.http.get", "k1.fetch", events.TypeItem},
		"count": {"3", "crunch.low.count", "k1.crunch", events.TypeItem},
		"bare":  {"x", "result.bare", "k1.sink", events.TypeResult},
	} {
		t.Run(recipeName, func(t *testing.T) {
			it, err := ingest.Accept(in.Recipes, recipeName, events.Input{Text: c.text, Lane: events.LaneLow}, "k1", noon)
			require.NoError(t, err)
			out, err := ingest.Route(it, ingest.Carry{TraceParent: traceParent, TraceState: "a=b", Reply: "_INBOX.x"})
			require.NoError(t, err)
			require.Equal(t, c.subject, out.Subject)
			require.Equal(t, map[string]string{
				"Nats-Msg-Id": c.msgID, "ce-specversion": "1.0", "ce-id": c.msgID, "ce-source": "/fetchmill/ingest", "ce-type": c.eventType,
				"content-type": "application/json", "traceparent": traceParent, "tracestate": "a=b", "fetchmill-reply": "_INBOX.x",
			}, out.Header)
		})
	}
}

func TestRoute_ends_an_item_without_steps_as_ok(t *testing.T) {
	it, err := ingest.Accept(intake(t).Recipes, "bare", events.Input{Text: "x", Batch: "b", Index: 2}, "k1", noon)
	require.NoError(t, err)
	out, err := ingest.Route(it, ingest.Carry{})
	require.NoError(t, err)
	r := result(t, out)
	require.Equal(t, events.StatusOK, r.Status)
	require.Equal(t, "b", r.Batch)
	require.EqualValues(t, 2, r.Index)
	require.Equal(t, "x", r.Key)
}

func TestRoute_drops_a_broken_trace_context(t *testing.T) {
	it, err := ingest.Accept(intake(t).Recipes, "noop", events.Input{}, "k1", noon)
	require.NoError(t, err)
	for _, c := range []ingest.Carry{
		{TraceParent: traceParent + "\r\nNats-Rollup: all", TraceState: "a=b"},
		{TraceParent: "00-1-2-3", TraceState: "a=b"},
		{TraceState: "a=b"},
	} {
		out, err := ingest.Route(it, c)
		require.NoError(t, err)
		require.NotContains(t, out.Header, events.HeaderTraceParent)
		require.NotContains(t, out.Header, events.HeaderTraceState)
	}
	out, err := ingest.Route(it, ingest.Carry{TraceParent: traceParent, TraceState: "a=b\r\nX: y"})
	require.NoError(t, err)
	require.NotContains(t, out.Header, events.HeaderTraceState)
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return b
}
