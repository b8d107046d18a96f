package e2e

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// TestArguments is about a query that cannot be right: nobody waits for a worker to hear so.
func TestArguments(t *testing.T) {
	m := up(t, t.TempDir())
	resp, data := m.call(t, http.MethodPost, "/v1/work/json", `{"url":"https://example.com/","select":".["}`, "Content-Type", "application/json")
	require.Equal(t, http.StatusBadRequest, resp.StatusCode, string(data))
	var p events.Problem
	require.NoError(t, json.Unmarshal(data, &p))
	require.Equal(t, events.ReasonInvalidParameter, p.Reason, string(data))

	m.pub(t, "work.json", `{"url":"https://example.com/","select":".["}`)
	r := m.result(t, "json", "https://example.com/")
	require.Equal(t, []any{events.StatusFailed, events.ReasonInvalidParameter, 0}, []any{r.Status, r.Reason, r.Attempts}, "no attempt was made")
}
