package ingest_test

import (
	"context"
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

const (
	bare = "name: bare\nsummary: has no steps\nprimary: a\nparams: {a: {type: string}}\n"
	free = "name: free\nsummary: takes anything\nprimary: a\nparams: {a: {type: any}}\n"
)

// intake has the built-in recipes and two without steps; its clock stands still.
func intake(t testing.TB) *ingest.Intake {
	t.Helper()
	builtins, err := recipe.Builtins()
	require.NoError(t, err)
	list := builtins.List()
	for _, text := range []string{bare, free} {
		r, err := recipe.Parse([]byte(text))
		require.NoError(t, err)
		list = append(list, r)
	}
	return &ingest.Intake{
		Recipes: recipe.NewCatalog(list...), Now: func() time.Time { return noon },
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

// sent is the only message that a request makes.
func sent(t testing.TB, in *ingest.Intake, req ingest.Request) stage.Outgoing {
	t.Helper()
	_, out, p := in.Run(req)
	require.Nil(t, p)
	require.Len(t, out, 1)
	return out[0]
}

func TestIntake_makes_an_item(t *testing.T) {
	id, list, p := intake(t).Run(ingest.Request{Subject: "run.page", Data: []byte("http://h/"), Reply: "_INBOX.a", Header: map[string][]string{
		"Nats-Msg-Id": {"mine"}, "batch": {"b1"}, "index": {"7"}, "lane": {"high"}, "deadline": {"1h"},
	}})
	require.Nil(t, p)
	require.Len(t, list, 1)
	require.JSONEq(t, `{"id":"`+id+`","recipe":"page","batch":"b1","index":7,"key":"http://h/","lane":"high","params":{"url":"http://h/"},
		"plan":{"fetch":{"op":"http.get","with":{"url":"http://h/"},"timeout_ms":30000,"attempts":5},"crunch":[{"op":"hash","with":{}}]},
		"submitted":"2026-01-31T12:00:00Z","deadline":"2026-01-31T13:00:00Z"}`, string(list[0].Data))
}

func TestIntake_refuses_with_a_reason(t *testing.T) {
	for name, c := range map[string]struct {
		recipe, body string
		reason       events.Reason
		want         string
	}{
		"an unknown recipe":   {"pagee", "", events.ReasonUnknownRecipe, `did you mean "page"?`},
		"a missing parameter": {"page", "", events.ReasonMissingParameter, "nats pub work.page https://example.com/"},
		"a wrong parameter":   {"page", "x y", events.ReasonInvalidParameter, "must be a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, p := intake(t).Run(runRequest("run."+c.recipe, c.body))
			require.NotNil(t, p)
			require.Equal(t, c.reason, p.Reason)
			require.Contains(t, p.Detail, c.want)
		})
	}
}

func TestIntake_shortens_a_long_key(t *testing.T) {
	it := item(t, sent(t, intake(t), runRequest("run.noop", strings.Repeat("é", 10_000))))
	require.Equal(t, strings.Repeat("é", 4096), it.Key)
	require.Len(t, it.Params, len(`{"key":""}`)+20_000)
}

func TestIntake_leads_to_the_first_stage(t *testing.T) {
	in := intake(t)
	for recipeName, c := range map[string]struct{ text, subject, stage, eventType string }{
		"page":  {"http://h/", "fetch.low.http.get", "fetch", events.TypeItem},
		"count": {"3", "crunch.low.count", "crunch", events.TypeItem},
		"bare":  {"x", "result.bare", "sink", events.TypeResult},
	} {
		t.Run(recipeName, func(t *testing.T) {
			out := sent(t, in, ingest.Request{Subject: "run." + recipeName, Data: []byte(c.text), Reply: "_INBOX.x", Header: map[string][]string{
				"Nats-Msg-Id": {"mine"}, "lane": {"low"}, "traceparent": {traceParent}, "tracestate": {"a=b"},
			}})
			require.Equal(t, c.subject, out.Subject)
			msgID := events.IDFromKey("mine") + "." + c.stage
			require.Equal(t, map[string]string{
				"Nats-Msg-Id": msgID, "ce-specversion": "1.0", "ce-id": msgID, "ce-source": "/fetchmill/ingest", "ce-type": c.eventType,
				"content-type": "application/json", "traceparent": traceParent, "tracestate": "a=b", "fetchmill-reply": "_INBOX.x",
			}, out.Header)
		})
	}
}

func TestIntake_ends_an_item_without_steps_as_ok(t *testing.T) {
	v := intake(t).Work(t.Context(), message("work.bare", "x", map[string]string{"batch": "b", "index": "2"}))
	require.Len(t, v.Publish, 1)
	r := result(t, v.Publish[0])
	require.Equal(t, events.StatusOK, r.Status)
	require.Equal(t, "b", r.Batch)
	require.EqualValues(t, 2, r.Index)
	require.Equal(t, "x", r.Key)
}

func TestIntake_drops_a_broken_trace_context(t *testing.T) {
	in := intake(t)
	carried := func(parent, state string) map[string]string {
		v := in.Work(t.Context(), message("work.noop", "", map[string]string{"traceparent": parent, "tracestate": state}))
		require.Len(t, v.Publish, 1)
		return v.Publish[0].Header
	}
	for _, parent := range []string{traceParent + "\r\nNats-Rollup: all", "00-1-2-3", ""} {
		header := carried(parent, "a=b")
		require.NotContains(t, header, events.HeaderTraceParent)
		require.NotContains(t, header, events.HeaderTraceState)
	}
	require.NotContains(t, carried(traceParent, "a=b\r\nX: y"), events.HeaderTraceState)
	require.Equal(t, "a=b", carried(traceParent, "a=b")[events.HeaderTraceState])
}
