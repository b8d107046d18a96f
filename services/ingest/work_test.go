package ingest_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/pkg/events"

	"github.com/stretchr/testify/require"
)

func message(subject, body string, header map[string]string) stage.Message {
	return stage.Message{Subject: subject, Header: header, Data: []byte(body), Seq: 42, Stored: noon, Delivery: 1}
}

func TestWork_routes_every_form_of_input(t *testing.T) {
	sequence := events.IDFromSequence(42, noon)
	for name, c := range map[string]struct {
		body   string
		header map[string]string
		id     string
	}{
		"plain text":     {"http://h/", nil, sequence},
		"a JSON object":  {`{"url":"http://h/"}`, nil, sequence},
		"with a key":     {"http://h/", map[string]string{"Nats-Msg-Id": "mine"}, events.IDFromKey("mine")},
		"binary mode":    {"http://h/", map[string]string{"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t"}, events.IDFromKey("s\n1")},
		"structured":     {`{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"url":"http://h/"}}`, nil, events.IDFromKey("s\n1")},
		"foreign fields": {"http://h/", map[string]string{"Nats-Rollup": "all", "fetchmill-reply": "$JS.x", "X-Other": "1"}, sequence},
	} {
		t.Run(name, func(t *testing.T) {
			v := intake(t).Work(t.Context(), message("work.page", c.body, c.header))
			require.Equal(t, stage.OutcomeDone, v.Outcome)
			require.Len(t, v.Publish, 1)
			out := v.Publish[0]
			require.Equal(t, "fetch.normal.http.get", out.Subject)
			require.Equal(t, c.id+".fetch", out.Header[events.HeaderMsgID])
			require.Len(t, out.Header, 6, "nothing from outside is carried on")
			require.Equal(t, c.id, item(t, out).ID)
			require.Equal(t, noon, item(t, out).Submitted)
		})
	}
}

func TestWork_carries_batch_lane_deadline_and_trace(t *testing.T) {
	v := intake(t).Work(t.Context(), message("work.count", "3", map[string]string{
		"Batch": "b1", "index": "5", "lane": "high", "deadline": "30s", "traceparent": traceParent,
	}))
	require.Len(t, v.Publish, 1)
	require.Equal(t, "crunch.high.count", v.Publish[0].Subject)
	require.Equal(t, traceParent, v.Publish[0].Header["traceparent"])
	it := item(t, v.Publish[0])
	require.Equal(t, "b1", it.Batch)
	require.EqualValues(t, 5, it.Index)
	require.Equal(t, noon.Add(30e9), it.Deadline)
}

func TestWork_ends_what_it_cannot_accept_as_a_row_and_a_dead_letter(t *testing.T) {
	id := events.IDFromSequence(42, noon)
	for name, c := range map[string]struct {
		subject, body     string
		header            map[string]string
		recipe, key, want string
		reason            events.Reason
	}{
		"an unknown recipe":   {"work.pgae", "http://h/", nil, "pgae", "http://h/", `did you mean "page"`, events.ReasonUnknownRecipe},
		"an impossible name":  {"work.Page.x", "http://h/", nil, "_", "http://h/", "invalid name", events.ReasonUnknownRecipe},
		"a missing parameter": {"work.page", "", nil, "page", "", "is missing", events.ReasonMissingParameter},
		"a wrong parameter":   {"work.page", "example.com", nil, "page", "example.com", "did you mean", events.ReasonInvalidParameter},
		"a wrong object":      {"work.page", `{"url":"ftp://h/","a":1}`, nil, "page", "ftp://h/", "must be a URL", events.ReasonInvalidParameter},
		"a malformed body":    {"work.page", `{"url":`, nil, "page", "", "is not one", events.ReasonBadInput},
		"bytes":               {"work.page", "\xff\xfe", nil, "page", "", "not UTF-8", events.ReasonBadInput},
		"an unknown lane":     {"work.page", "http://h/", map[string]string{"lane": "urgent"}, "page", "", "unknown lane", events.ReasonBadInput},
		"a huge item":         {"work.noop", strings.Repeat("x", 990_000), nil, "noop", strings.Repeat("x", 200), "can be sent on", events.ReasonTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			v := intake(t).Work(t.Context(), message(c.subject, c.body, c.header))
			require.Equal(t, stage.OutcomeRejected, v.Outcome)
			require.Len(t, v.Publish, 2)

			row, dead := v.Publish[0], v.Publish[1]
			require.Equal(t, "result."+c.recipe, row.Subject)
			require.Equal(t, id+".sink", row.Header[events.HeaderMsgID])
			r := result(t, row)
			require.Equal(t, id, r.ID)
			require.Equal(t, c.recipe, r.Recipe)
			require.Equal(t, events.StatusFailed, r.Status)
			require.Equal(t, c.reason, r.Reason)
			require.Equal(t, c.key, r.Key)
			require.Contains(t, r.Error, c.want)

			require.Equal(t, "dead.ingest."+c.recipe, dead.Subject)
			require.Equal(t, c.body, string(dead.Data))
			require.Equal(t, id+".dead", dead.Header[events.HeaderMsgID])
			require.Equal(t, string(c.reason), dead.Header[events.HeaderDeadReason])
			require.Equal(t, "ingest", dead.Header[events.HeaderDeadStage])
			require.Equal(t, c.subject, dead.Header[events.HeaderDeadSubject])
			require.Equal(t, id, dead.Header[events.HeaderDeadItem])
			require.Contains(t, dead.Header[events.HeaderDeadError], c.want)
		})
	}
}

func TestWork_counts_what_it_refuses_in_its_batch(t *testing.T) {
	in := intake(t)
	v := in.Work(t.Context(), message("work.page", "nonsense", map[string]string{"batch": "b1", "index": "3", "traceparent": traceParent}))
	r := result(t, v.Publish[0])
	require.Equal(t, "b1", r.Batch)
	require.EqualValues(t, 3, r.Index)
	require.Equal(t, traceParent, v.Publish[0].Header[events.HeaderTraceParent])

	v = in.Work(t.Context(), message("work.page", "nonsense", map[string]string{"batch": "b 1"}))
	require.Empty(t, result(t, v.Publish[0]).Batch)
}

func TestWork_keeps_the_headers_of_a_dead_letter_but_those_that_command(t *testing.T) {
	v := intake(t).Work(t.Context(), message("work.page", "line\nbreak", map[string]string{
		"nats-msg-id": "mine", "Nats-Rollup": "all", "Fetchmill-Reply": "x", "batch": "b1", "X-Mine": "1",
	}))
	dead := v.Publish[1]
	require.Equal(t, events.IDFromKey("mine")+".dead", dead.Header[events.HeaderMsgID])
	require.Equal(t, "b1", dead.Header["batch"])
	require.Equal(t, "1", dead.Header["X-Mine"])
	require.Equal(t, "line break", dead.Header[events.HeaderDeadKey])
	for k := range dead.Header {
		require.NotContains(t, []string{"nats-msg-id", "Nats-Rollup", "Fetchmill-Reply"}, k)
	}
}

func TestWork_makes_a_dead_letter_that_fits_into_a_message(t *testing.T) {
	in := intake(t)
	in.MaxMessage = 4096
	body := strings.Repeat("x", 4000)
	v := in.Work(t.Context(), message("work.noop", body, map[string]string{"x-large": strings.Repeat("y", 1000)}))
	dead := v.Publish[1]
	size := len(dead.Data)
	for k, v := range dead.Header {
		size += len(k) + len(v) + 4
	}
	require.LessOrEqual(t, size, 4096)
	require.NotContains(t, dead.Header, "x-large")
	require.True(t, bytes.HasPrefix([]byte(body), dead.Data))
	require.Contains(t, dead.Header[events.HeaderDeadError], "4000 bytes did not fit")
}

func FuzzWork(f *testing.F) {
	in := intake(f)
	f.Add("work.page", "http://h/", "batch", "b1")
	f.Add("work.count", `{"n":1e3}`, "Nats-Msg-Id", "x")
	f.Add("work.", `{"specversion":"1.0","id":"1","source":"s","type":"t","traceparent":"a\r\nb"}`, "ce-id", "1")
	f.Add("work.json", "\x00\xff", "content-type", "application/cloudevents+json")
	f.Add("other", "", "lane", "low")
	f.Fuzz(func(t *testing.T, subject, body, name, value string) {
		v := in.Work(t.Context(), message(subject, body, map[string]string{name: value}))
		switch v.Outcome {
		case stage.OutcomeDone:
			if len(v.Publish) != 1 {
				t.Fatalf("%d messages for an accepted item", len(v.Publish))
			}
		case stage.OutcomeRejected:
			if len(v.Publish) != 2 || string(v.Publish[1].Data) != body {
				t.Fatalf("a refused item without row and dead letter: %v", v.Publish)
			}
			if _, err := events.DecodeResult(v.Publish[0].Data); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("outcome %s", v.Outcome)
		}
		for _, out := range v.Publish {
			for k, val := range out.Header {
				if k != name && strings.ContainsAny(k+val, "\r\n") {
					t.Fatalf("a header with a line break: %q: %q", k, val)
				}
			}
		}
	})
}
