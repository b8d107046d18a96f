package sink

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

const spec = `[{"name":"total","op":"sum","of":"value"}]`

func TestReductions_are_announced_with_the_end_of_the_batch_and_not_with_results(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	d := newDesk(t)
	r := result("a", "b1")
	r.Value, r.Reduce = json.RawMessage("3"), json.RawMessage(spec)
	m := message(t, r)
	v := d.one(t.Context(), m)
	plain := *r
	plain.Reduce = nil
	want, err := json.Marshal(&plain)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(v.Publish[0].Data))
	require.NotContains(t, string(v.Publish[0].Data), "reduce")
	require.Contains(t, string(m.Data), "reduce", "the message itself is left as it was")
	again := d.one(t.Context(), m)
	require.JSONEq(t, string(v.Publish[0].Data), string(again.Publish[0].Data))

	d.one(t.Context(), message(t, &events.BatchRecord{Batch: "b1", Action: events.BatchClose, Total: 1, At: noon}))
	rows, err := d.db.Outbox(t.Context(), 10)
	require.NoError(t, err)
	var b events.Batch
	require.NoError(t, json.Unmarshal(rows[0].Data, &b))
	require.Equal(t, "3", string(b.Reduced[0].Value))
}

func TestReductions_of_a_worker_that_writes_its_fields_in_another_order(t *testing.T) {
	d := newDesk(t)
	m := message(t, result("a", "b1"))
	m.Data = []byte(`{"reduce": ` + spec + `, "id":"a","recipe":"page","batch":"b1","status":"ok","value":3}`)
	v := d.one(t.Context(), m)
	require.NotContains(t, string(v.Publish[0].Data), "reduce")
}

func TestReductions_are_answered_where_one_batch_is_asked_for(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	d := newDesk(t)
	r := result("a", "b1")
	r.Value, r.Reduce = json.RawMessage("3"), json.RawMessage(spec)
	d.one(t.Context(), message(t, r))
	q, base := serve(t, d.db)
	for path, told := range map[string]bool{
		"/v1/batches/b1": true, "/v1/batches?batch=b1&reduced=true": true, "/v1/batches?batch=b1": false, "/v1/batches": false,
	} {
		_, body := get(t, base+path, "")
		require.Equal(t, told, strings.Contains(body, `"reduced":[{"name":"total","op":"sum","of":"value","value":3,"count":1}]`), "%s: %s", path, body)
	}
	_, problem := q.Answer(t.Context(), events.SubjectQueryBatches, []byte(`{"reduced":true}`))
	require.Contains(t, problem.Detail, "needs a batch")
}
