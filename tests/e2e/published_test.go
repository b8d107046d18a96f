package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func testPublished(t *testing.T, m *mill) {
	s := newSite(t, nil)
	page := func(n int) string { return fmt.Sprintf("%s/fast/%d", s.URL, n) }

	t.Run("a text is the primary parameter", func(t *testing.T) {
		m.pub(t, "work.uptime", page(1))
		r := m.result(t, "uptime", page(1))
		require.Equal(t, events.StatusOK, r.Status, r.Error)
		require.Equal(t, 200, r.Fetch.Status)
	})
	t.Run("nobody listens at the address", func(t *testing.T) {
		m.pub(t, "work.uptime", "http://127.0.0.1:9/x")
		r := m.result(t, "uptime", "http://127.0.0.1:9/x")
		require.Equal(t, []any{events.StatusFailed, events.ReasonConnect}, []any{r.Status, r.Reason})
	})
	t.Run("a JSON object is all parameters", func(t *testing.T) {
		m.pub(t, "work.uptime", fmt.Sprintf(`{"url":%q}`, page(2)))
		require.Equal(t, events.StatusOK, m.result(t, "uptime", page(2)).Status)
	})
	t.Run("a structured CloudEvent", func(t *testing.T) {
		event := fmt.Sprintf(`{"specversion":"1.0","id":"e1","source":"/e2e","type":"check","data":{"url":%q}}`, page(3))
		m.pub(t, "work.uptime", event, "-H", "Content-Type:application/cloudevents+json")
		r := m.result(t, "uptime", page(3))
		require.Equal(t, events.StatusOK, r.Status)
	})
	t.Run("a binary CloudEvent", func(t *testing.T) {
		m.pub(t, "work.uptime", fmt.Sprintf(`{"url":%q}`, page(4)),
			"-H", "ce-specversion:1.0", "-H", "ce-id:e2", "-H", "ce-source:/e2e", "-H", "ce-type:check", "-H", "Content-Type:application/json")
		require.Equal(t, events.StatusOK, m.result(t, "uptime", page(4)).Status)
	})
	t.Run("the same CloudEvent twice is one row", func(t *testing.T) {
		for range 2 {
			m.pub(t, "work.uptime", page(5), "-H", "ce-specversion:1.0", "-H", "ce-id:e3", "-H", "ce-source:/e2e", "-H", "ce-type:check")
		}
		m.idle(t)
		m.result(t, "uptime", page(5))
	})
	t.Run("batch, index and lane as headers", func(t *testing.T) {
		m.pub(t, "work.page", page(6), "-H", "batch:by-hand", "-H", "index:7", "-H", "lane:high")
		r := m.result(t, "page", page(6))
		require.Equal(t, []any{"by-hand", int64(7)}, []any{r.Batch, r.Index})
	})
	for _, bad := range []struct {
		name, recipe, body string
		reason             events.Reason
	}{
		{"an unknown recipe", "nosuch", "unknown", events.ReasonUnknownRecipe},
		{"a missing parameter", "json", `{"select":".a"}`, events.ReasonMissingParameter},
		{"a malformed body", "count", `{"n": 5`, events.ReasonBadInput},
	} {
		t.Run(bad.name+" becomes a dead letter and a failed row", func(t *testing.T) {
			m.pub(t, "work."+bad.recipe, bad.body)
			d := m.dead(t, bad.recipe, 1)[0]
			require.Equal(t, []any{events.StageIngest, bad.reason, "work." + bad.recipe}, []any{d.Stage, d.Reason, d.Subject})
			require.NotEmpty(t, d.Error)
			m.idle(t)
			rows := m.results(t, events.ResultQuery{Recipe: bad.recipe})
			require.Len(t, rows, 1)
			require.Equal(t, []any{events.StatusFailed, bad.reason, d.Item}, []any{rows[0].Status, rows[0].Reason, rows[0].ID})
			require.Equal(t, bad.body, m.ok(t, "dead", "show", fmt.Sprint(d.Seq), "--raw"))
		})
	}
}

func testRequested(t *testing.T, m *mill) {
	t.Run("the answer is the result", func(t *testing.T) {
		r := m.nats(t, "req", "--raw", "run.count", "10000000")
		require.Zero(t, r.status, r.both())
		result := lines[events.Result](t, r.stdout)
		require.Len(t, result, 1)
		require.Equal(t, []any{events.StatusOK, "10000000"}, []any{result[0].Status, result[0].Key})
		require.JSONEq(t, `{"count":10000000}`, string(result[0].Value))
	})
	for _, bad := range []struct{ name, subject, body, code, detail string }{
		{"an unknown recipe", "run.cuont", "5", "404", "count"},
		{"a missing parameter", "run.count", "{}", "400", "n"},
		{"a malformed body", "run.count", `{"n": 5`, "400", "JSON"},
	} {
		t.Run(bad.name+" is answered with a problem", func(t *testing.T) {
			r := m.nats(t, "req", bad.subject, bad.body)
			require.Contains(t, r.both(), "Nats-Service-Error-Code: "+bad.code)
			require.Contains(t, r.both(), "Nats-Service-Error: ")
			raw := m.nats(t, "req", "--raw", bad.subject, bad.body)
			problem := lines[events.Problem](t, raw.stdout)
			require.Len(t, problem, 1)
			require.Equal(t, bad.code, problem[0].Code())
			require.Contains(t, problem[0].Detail, bad.detail)
		})
	}
	t.Run("fetchmill run prints the result and its exit status tells", func(t *testing.T) {
		require.Contains(t, m.ok(t, "run", "count", "1000"), `"status": "ok"`)
		require.Equal(t, 2, m.run(t, "run", "page", "http://127.0.0.1:9/").status)
		require.Equal(t, 1, m.run(t, "run", "nosuch").status)
	})
}
