package ingest_test

import (
	"context"
	"testing"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/ingest"

	"github.com/stretchr/testify/require"
)

func TestRun_carries_the_reply_subject(t *testing.T) {
	id, list, p := intake(t).Run(ingest.Request{
		Subject: "run.count", Data: []byte("10000000"), Reply: "_INBOX.a.b", Header: map[string][]string{"Nats-Msg-Id": {"mine", "other"}},
	})
	require.Nil(t, p)
	require.Equal(t, events.IDFromKey("mine"), id)
	require.Len(t, list, 1)
	out := list[0]
	require.Equal(t, "crunch.normal.count", out.Subject)
	require.Equal(t, "_INBOX.a.b", out.Header[events.HeaderReply])
	require.Equal(t, events.IDFromKey("mine"), item(t, out).ID)
}

func TestRun_makes_an_id_when_there_is_no_key(t *testing.T) {
	in := intake(t)
	a, _, p := in.Run(ingest.Request{Subject: "run.noop", Reply: "_INBOX.a"})
	require.Nil(t, p)
	b, _, p := in.Run(ingest.Request{Subject: "run.noop", Reply: "_INBOX.a"})
	require.Nil(t, p)
	require.NotEqual(t, a, b)
}

func TestRun_answers_with_a_problem(t *testing.T) {
	for name, c := range map[string]struct {
		req    ingest.Request
		status int
		reason events.Reason
		want   string
	}{
		"an unknown recipe":   {ingest.Request{Subject: "run.nope", Reply: "_INBOX.a"}, 404, events.ReasonUnknownRecipe, "unknown recipe"},
		"a missing parameter": {ingest.Request{Subject: "run.count", Reply: "_INBOX.a"}, 400, events.ReasonMissingParameter, "is missing"},
		"a malformed body":    {ingest.Request{Subject: "run.count", Data: []byte("{"), Reply: "_INBOX.a"}, 400, events.ReasonBadInput, "is not one"},
		"no reply subject":    {ingest.Request{Subject: "run.noop"}, 400, events.ReasonBadInput, "nobody waits"},
		"a stream as reply":   {ingest.Request{Subject: "run.noop", Reply: "result.noop"}, 400, events.ReasonBadInput, "belongs to fetchmill"},
		"the broker as reply": {ingest.Request{Subject: "run.noop", Reply: "$JS.API.STREAM.DELETE.WORK"}, 400, events.ReasonBadInput, "belongs to fetchmill"},
		"a wildcard as reply": {ingest.Request{Subject: "run.noop", Reply: "_INBOX.>"}, 400, events.ReasonBadInput, "not one that can be published on"},
		"a broken reply":      {ingest.Request{Subject: "run.noop", Reply: "a\r\nb"}, 400, events.ReasonBadInput, "not one that can be published on"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, p := intake(t).Run(c.req)
			require.NotNil(t, p)
			require.Equal(t, c.status, p.Status)
			require.Equal(t, c.reason, p.Reason)
			require.Contains(t, p.Detail, c.want)
			require.Equal(t, "about:blank", p.Type)
		})
	}
}

func TestBatch_makes_a_record_that_may_be_asked_for_twice(t *testing.T) {
	for subject, c := range map[string]struct{ body, msgID, data string }{
		"batch.open":   {`{"batch":"b.1","recipe":"page"}`, "batch.b.1.open", `{"batch":"b.1","recipe":"page","action":"open","at":"2026-01-31T12:00:00Z"}`},
		"batch.close":  {`{"batch":"b.1","total":3}`, "batch.b.1.close.3", `{"batch":"b.1","action":"close","total":3,"at":"2026-01-31T12:00:00Z"}`},
		"batch.cancel": {`{"batch":"b.1"}`, "batch.b.1.cancel", `{"batch":"b.1","action":"cancel","at":"2026-01-31T12:00:00Z"}`},
	} {
		t.Run(subject, func(t *testing.T) {
			out, p := intake(t).Batch(t.Context(), ingest.Request{Subject: subject, Data: []byte(c.body)})
			require.Nil(t, p)
			require.Equal(t, events.SubjectBatchRecord, out.Subject)
			require.Equal(t, c.msgID, out.Header[events.HeaderMsgID])
			require.Equal(t, events.TypeBatch, out.Header[events.HeaderType])
			require.Equal(t, c.data, string(out.Data))
			_, err := events.DecodeBatchRecord(out.Data)
			require.NoError(t, err)
		})
	}
}

func TestBatch_leaves_word_whom_to_tell(t *testing.T) {
	in := intake(t)
	told := map[string][]string{}
	in.Notify = func(_ context.Context, batch string, channels []string) error {
		told[batch] = channels
		return nil
	}
	for batch, body := range map[string]string{"b.1": `{"batch":"b.1","notify":["ops","phone"]}`, "b.2": `{"batch":"b.2"}`} {
		out, p := in.Batch(t.Context(), ingest.Request{Subject: "batch.open", Data: []byte(body)})
		require.Nil(t, p)
		require.NotContains(t, string(out.Data), "notify", "that is not the sink's record")
		require.Equal(t, "batch."+batch+".open", out.Header[events.HeaderMsgID])
	}
	require.Equal(t, map[string][]string{"b.1": {"ops", "phone"}}, told)
}

func TestBatch_answers_with_a_problem(t *testing.T) {
	for name, c := range map[string]struct{ subject, body, want string }{
		"no body":            {"batch.open", "", "send for example"},
		"a bad name":         {"batch.open", `{"batch":"a b"}`, "invalid name"},
		"a bad recipe":       {"batch.open", `{"batch":"b","recipe":"A"}`, "recipe: invalid name"},
		"an unknown field":   {"batch.open", `{"batch":"b","size":1}`, "unknown field"},
		"a negative total":   {"batch.close", `{"batch":"b","total":-1}`, "use the number"},
		"a total at opening": {"batch.open", `{"batch":"b","total":1}`, "when the batch is closed"},
		"an unknown action":  {"batch.burn", `{"batch":"b"}`, "use open, close or cancel"},
		"notify too late":    {"batch.close", `{"batch":"b","total":1,"notify":["ops"]}`, "when the batch is opened"},
		"notify nobody":      {"batch.open", `{"batch":"b","notify":["a b"]}`, "notify: invalid name"},
		"notify too many":    {"batch.open", `{"batch":"b","notify":["a","b","c","d","e","f","g","h","i","j","k","l","m","n","o","p","q"]}`, "17 channels are more than 16"},
		"two objects":        {"batch.open", `{"batch":"b"}{}`, "more than one"},
	} {
		t.Run(name, func(t *testing.T) {
			_, p := intake(t).Batch(t.Context(), ingest.Request{Subject: c.subject, Data: []byte(c.body)})
			require.NotNil(t, p)
			require.Equal(t, 400, p.Status)
			require.Contains(t, p.Detail, c.want)
		})
	}
}

// runRequest is a request with somebody who waits.
func runRequest(subject, body string) ingest.Request {
	return ingest.Request{Subject: subject, Data: []byte(body), Reply: "_INBOX.a"}
}
