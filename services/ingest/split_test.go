package ingest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestSplit_makes_a_batch_of_an_item(t *testing.T) {
	in := intake(t)
	m := message("work.count-to", `{"n":1000,"chunks":3}`, map[string]string{"batch": "b1", "index": "7", "lane": "low", "deadline": "30s", "traceparent": traceParent})
	v := in.Work(t.Context(), m)
	require.Equal(t, stage.OutcomeDone, v.Outcome)
	require.Len(t, v.Publish, 2+3)
	id := events.IDFromSequence(42, noon)

	require.Equal(t, "$KV.control.whole."+id, v.Publish[0].Subject)
	require.Equal(t, id+".whole", v.Publish[0].Header[events.HeaderMsgID])
	whole, err := events.DecodeWhole(v.Publish[0].Data)
	require.NoError(t, err)
	require.Equal(t, &events.Whole{
		ID: id, Recipe: "count-to", Batch: "b1", Index: 7, Key: "1000", Parts: 3, Submitted: noon, TraceParent: traceParent,
	}, whole)

	record, err := events.DecodeBatchRecord(v.Publish[1].Data)
	require.NoError(t, err)
	require.Equal(t, &events.BatchRecord{Batch: id, Recipe: "count-to", Action: events.BatchClose, Total: 3, At: noon}, record)

	ids := map[string]bool{}
	for i, out := range v.Publish[2:] {
		it := item(t, out)
		require.Equal(t, "crunch.low.count", out.Subject)
		require.Equal(t, events.PartID(id, int64(i)), it.ID)
		require.Equal(t, []any{id, int64(i), "b1", events.LaneLow, noon.Add(30e9)}, []any{it.Batch, it.Index, it.Within, it.Lane, it.Deadline})
		ids[it.ID] = true
	}
	require.Len(t, ids, 3)
	require.Equal(t, "1000 3/3", item(t, v.Publish[4]).Key)
	require.JSONEq(t, `{"from":667,"to":1000}`, string(item(t, v.Publish[4]).Plan.Crunch[0].With))
	require.Equal(t, v, in.Work(t.Context(), m), "delivered again, it is split into the same parts")
}

func TestSplit_keeps_the_reply_for_the_whole(t *testing.T) {
	id, out, p := intake(t).Run(runRequest("run.count-to", "1000"))
	require.Nil(t, p)
	require.Len(t, out, 2+64)
	whole, err := events.DecodeWhole(out[0].Data)
	require.NoError(t, err)
	require.Equal(t, []string{id, "_INBOX.a"}, []string{whole.ID, whole.Reply})
	for _, m := range out {
		require.NotContains(t, m.Header, events.HeaderReply)
	}
}

func TestSplit_refuses_what_would_be_too_much_together(t *testing.T) {
	r, err := recipe.Parse([]byte("name: wide\nsummary: has wide parts\nprimary: s\nparams: {s: {type: string}}\nexpand: {chunks: 1000}\ncrunch: [{op: a, with: {s: $s}}]\n"))
	require.NoError(t, err)
	in := intake(t)
	in.Recipes = recipe.NewCatalog(r)
	v := in.Work(t.Context(), message("work.wide", strings.Repeat("x", 100_000), nil))
	require.Equal(t, stage.OutcomeRejected, v.Outcome)
	require.Len(t, v.Publish, 2, "a row and a dead letter, and no part")
	require.Equal(t, events.ReasonTooLarge, result(t, v.Publish[0]).Reason)
	require.Contains(t, result(t, v.Publish[0]).Error, "fewer chunks")
}

func TestSplit_counts_an_item_of_many_once(t *testing.T) {
	var pub capture
	a := send(t, &pub, "/v1/work/count-to", "10\n{\"n\":20,\"chunks\":2}\n", "Content-Type: application/x-ndjson", "Batch: b1")
	require.Equal(t, 200, a.status, a.body)
	require.EqualValues(t, 2, a.body["accepted"])
	require.Len(t, pub.out, 2+10+2+2)
	a = send(t, &pub, "/v1/work/count-to", "10\n{\"n\":20,\"chunks\":2}\n", "Content-Type: application/x-ndjson", "Batch: b1")
	require.EqualValues(t, 2, a.body["duplicates"])
	require.Len(t, pub.out, 2+10+2+2)

	a = send(t, &pub, "/v1/work/count-to", "5", "Idempotency-Key: mine")
	require.Equal(t, map[string]any{"id": events.IDFromKey("mine"), "recipe": "count-to", "duplicate": false}, a.body)
	a = send(t, &pub, "/v1/work/count-to", "5", "Idempotency-Key: mine")
	require.Equal(t, true, a.body["duplicate"])
	var whole map[string]any
	require.NoError(t, json.Unmarshal(pub.out[2+10+2+2].Data, &whole))
	require.Equal(t, "5", whole["key"])
}
