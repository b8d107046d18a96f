package events_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	bom       = "\xef\xbb\xbf"
	traceInfo = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
)

type header = map[string][]string

func parse(t *testing.T, h header, body string) events.Input {
	t.Helper()
	in, err := events.ParseInput(h, []byte(body), submitted)
	require.NoError(t, err)
	return in
}

func refused(t *testing.T, h header, body, remedy string) events.Input {
	t.Helper()
	in, err := events.ParseInput(h, []byte(body), submitted)
	require.ErrorIs(t, err, events.ErrInput)
	require.ErrorContains(t, err, remedy)
	return in
}

func TestParseInputBody(t *testing.T) {
	for _, row := range []struct{ name, body, text, params string }{
		{"plain text is the primary parameter", "https://example.com", "https://example.com", ""},
		{"white space around text does not count", " \r\n https://example.com\n", "https://example.com", ""},
		{"a number is text", "10000000", "10000000", ""},
		{"true is text", "true", "true", ""},
		{"null is text", "null", "null", ""},
		{"a quoted string is its content", `"a \"b\" é"`, `a "b" é`, ""},
		{"text that only starts with a quote is text", `"a" and "b"`, `"a" and "b"`, ""},
		{"text that only starts with a bracket is text", "[draft] hello", "[draft] hello", ""},
		{"several lines are one text", "a\nb", "a\nb", ""},
		{"nothing is nothing", "", "", ""},
		{"white space is nothing", " \n", "", ""},
		{"a byte order mark before text does not count", bom + "hello", "hello", ""},
		{"a byte order mark before an object does not count", bom + `{"n":1}`, "", `{"n":1}`},
		{"a JSON object is parameters", ` {"url":"https://example.com","n":1.50} `, "", `{"url":"https://example.com","n":1.50}`},
		{"an empty object is parameters", `{}`, "", `{}`},
		{"brackets in strings are no nesting", `{"a":"` + strings.Repeat("[{", 200) + `\"]"}`, "", `{"a":"` + strings.Repeat("[{", 200) + `\"]"}`},
		{"an object that only mentions specversion is parameters", `{"specversion":"1.0"}`, "", `{"specversion":"1.0"}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			in := parse(t, nil, row.body)
			require.Equal(t, row.text, in.Text)
			require.Equal(t, row.params, string(in.Params))
			require.Equal(t, events.Input{Lane: events.LaneNormal, Text: in.Text, Params: in.Params}, in)
		})
	}

	for _, row := range []struct{ name, body, remedy string }{
		{"an array", `[1,2]`, "send one message per item"},
		{"something that starts like an object", `{"url":`, "starts like a JSON object"},
		{"two objects", `{} {}`, "starts like a JSON object"},
		{"bytes that are not UTF-8", "caf\xe9", "not UTF-8"},
		{"an object with bytes that are not UTF-8", "{\"a\":\"\xff\"}", "not UTF-8"},
		{"an object nested too deeply", `{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "at most 100 levels"},
	} {
		t.Run(row.name+" is refused", func(t *testing.T) {
			refused(t, nil, row.body, row.remedy)
		})
	}

	t.Run("an object as deep as allowed still fits into an item", func(t *testing.T) {
		in := parse(t, nil, `{"a":`+strings.Repeat("[", 99)+strings.Repeat("]", 99)+`}`)
		data, err := json.Marshal(&events.Item{ID: "s1", Recipe: "x", Lane: in.Lane, Params: in.Params})
		require.NoError(t, err)
		_, err = events.DecodeItem(data)
		require.NoError(t, err)
	})
}

func TestParseInputHeaders(t *testing.T) {
	t.Run("all that users may set is read, in any case", func(t *testing.T) {
		in := parse(t, header{
			"NATS-MSG-ID": {"order-1"}, "Batch": {"b1"}, "INDEX": {"7"}, "lane": {"high"}, "Deadline": {"30s"},
			"Traceparent": {traceInfo}, "tracestate": {"vendor=1"}, "X-Other": {"dropped"},
		}, "x")
		require.Equal(t, events.Input{
			Key: "order-1", Batch: "b1", Index: 7, Lane: events.LaneHigh, Deadline: submitted.Add(30 * time.Second),
			TraceParent: traceInfo, TraceState: "vendor=1", Text: "x",
		}, in)
	})

	t.Run("of a repeated header the first value counts", func(t *testing.T) {
		require.Equal(t, "b1", parse(t, header{"batch": {"b1", "b2"}}, "x").Batch)
	})

	t.Run("of spellings that differ in case always the same one counts", func(t *testing.T) {
		for range 50 {
			require.Equal(t, "b2", parse(t, header{"batch": {"b1"}, "Batch": {"b2"}, "bATCH": {"b3"}}, "x").Batch)
		}
	})

	t.Run("a header without value is no header", func(t *testing.T) {
		in := parse(t, header{"batch": {}, "lane": {""}, "index": {" "}, "deadline": nil}, "x")
		require.Equal(t, events.Input{Lane: events.LaneNormal, Text: "x"}, in)
	})

	for _, row := range []struct {
		deadline string
		want     time.Time
	}{
		{"30s", submitted.Add(30 * time.Second)},
		{"1h30m", submitted.Add(90 * time.Minute)},
		{"2026-01-31T16:00:00Z", deadline},
		{"2026-01-31T17:00:00+01:00", deadline},
		{"2026-01-31T16:00:00.5Z", deadline.Add(500 * time.Millisecond)},
		{"2020-01-01T00:00:00Z", time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		t.Run("deadline "+row.deadline+" is read", func(t *testing.T) {
			got := parse(t, header{"deadline": {row.deadline}}, "x").Deadline
			require.Equal(t, row.want, got)
		})
	}

	t.Run("when it happened is read, of a CloudEvent too", func(t *testing.T) {
		require.Equal(t, deadline, parse(t, header{"Time": {"2026-01-31T17:00:00+01:00"}}, "x").Time)
		binary := header{"ce-specversion": {"1.0"}, "ce-id": {"1"}, "ce-source": {"/s"}, "ce-type": {"t"}, "ce-time": {"2026-01-31T16:00:00Z"}}
		require.Equal(t, deadline, parse(t, binary, "x").Time)
		structured := `{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"2026-01-31T16:00:00Z","data":"x"}`
		require.Equal(t, deadline, parse(t, nil, structured).Time)
	})

	for _, row := range []struct{ name, value, remedy string }{
		{"time", "1769871845", "RFC 3339"},
		{"time", "9999-12-31T23:59:59-01:00", "RFC 3339"},
		{"lane", "urgent", "use high, normal or low"},
		{"batch", "a b", "use 1 to 128"},
		{"index", "-1", "whole number from 0"},
		{"index", "1.5", "whole number from 0"},
		{"index", "first", "whole number from 0"},
		{"index", "9223372036854775808", "whole number from 0"},
		{"deadline", "0s", "not in the future"},
		{"deadline", "-5s", "not in the future"},
		{"deadline", "30", "nor a duration"},
		{"deadline", "tomorrow", "nor a duration"},
		{"deadline", "9999-12-31T23:59:59-01:00", "neither a time"},
		{"deadline", "0000-12-31T23:59:59Z", "neither a time"},
		{"nats-msg-id", strings.Repeat("x", 4097), "at most 4096"},
	} {
		t.Run(row.name+" "+row.value[:min(len(row.value), 30)]+" is refused", func(t *testing.T) {
			refused(t, header{row.name: {row.value}}, "x", row.remedy)
		})
	}

	t.Run("what is wrong hides nothing of the rest, so a bad item still counts in its batch", func(t *testing.T) {
		in := refused(t, header{"nats-msg-id": {"k"}, "batch": {"b1"}, "index": {"7"}, "lane": {"urgent"}, "deadline": {"x"}}, "{", "lane")
		require.Equal(t, events.Input{Key: "k", Batch: "b1", Index: 7, Lane: events.LaneNormal}, in)
		in = refused(t, header{"batch": {"b1"}, "index": {"7"}, "ce-specversion": {"0.3"}}, "x", "use specversion 1.0")
		require.Equal(t, events.Input{Batch: "b1", Index: 7, Lane: events.LaneNormal}, in)
	})

	for _, row := range []struct{ name, parent, state, wantParent, wantState string }{
		{"a good trace is kept", traceInfo, "a=1", traceInfo, "a=1"},
		{"a trace that is none is dropped with its state", "00-xyz-01", "a=1", "", ""},
		{"a state without a trace is dropped", "", "a=1", "", ""},
		{"a state with control characters is dropped", traceInfo, "a=1\r\nNats-Rollup: all", traceInfo, ""},
		{"a state that is too long is dropped", traceInfo, strings.Repeat("x", 513), traceInfo, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			in := parse(t, header{"traceparent": {row.parent}, "tracestate": {row.state}}, "x")
			require.Equal(t, row.wantParent, in.TraceParent)
			require.Equal(t, row.wantState, in.TraceState)
		})
	}
}

func binaryEvent(more header) header {
	h := header{"ce-specversion": {"1.0"}, "ce-id": {"e1"}, "ce-source": {"/shop"}, "ce-type": {"order"}}
	for k, v := range more {
		h[k] = v
	}
	return h
}

func TestParseInputBinaryCloudEvent(t *testing.T) {
	t.Run("is identified by source and id, its body is the input", func(t *testing.T) {
		in := parse(t, binaryEvent(header{"content-type": {"application/json"}}), `{"n":1}`)
		require.Equal(t, events.Input{Key: "/shop\ne1", Lane: events.LaneNormal, Params: json.RawMessage(`{"n":1}`)}, in)
	})

	t.Run("has its extensions read", func(t *testing.T) {
		in := parse(t, binaryEvent(header{
			"ce-batch": {"b1"}, "ce-index": {"3"}, "ce-lane": {"low"}, "ce-deadline": {"1m"}, "ce-traceparent": {traceInfo}, "ce-tracestate": {"a=1"},
		}), "x")
		require.Equal(t, events.Input{
			Key: "/shop\ne1", Batch: "b1", Index: 3, Lane: events.LaneLow, Deadline: submitted.Add(time.Minute),
			TraceParent: traceInfo, TraceState: "a=1", Text: "x",
		}, in)
	})

	t.Run("yields to the message's own headers", func(t *testing.T) {
		in := parse(t, binaryEvent(header{"Nats-Msg-Id": {"k"}, "batch": {"b1"}, "ce-batch": {"b2"}}), "x")
		require.Equal(t, "k", in.Key)
		require.Equal(t, "b1", in.Batch)
	})

	t.Run("that carries a CloudEvent as data is not unpacked twice", func(t *testing.T) {
		inner := `{"specversion":"1.0","id":"i","source":"/inner","type":"t","data":{"n":1}}`
		in := parse(t, binaryEvent(nil), inner)
		require.Equal(t, "/shop\ne1", in.Key)
		require.JSONEq(t, inner, string(in.Params))
	})

	t.Run("is not assumed from a lone ce-id, which is a key nevertheless", func(t *testing.T) {
		require.Equal(t, "e1", parse(t, header{"ce-id": {"e1"}}, "x").Key)
		require.Equal(t, "k", parse(t, header{"ce-id": {"e1"}, "nats-msg-id": {"k"}}, "x").Key)
	})

	for name, h := range map[string]header{
		"id": {"ce-id": {""}}, "source": {"ce-source": {""}}, "type": {"ce-type": {""}}, "version": {"ce-specversion": {"0.3"}},
	} {
		t.Run("without a proper "+name+" is refused", func(t *testing.T) {
			refused(t, binaryEvent(h), "x", name)
		})
	}
}

func TestParseInputStructuredCloudEvent(t *testing.T) {
	structured := header{"Content-Type": {"application/cloudevents+json; charset=utf-8"}}
	event := func(more string) string {
		return `{"specversion":"1.0","id":"e1","source":"/shop","type":"order"` + more + `}`
	}

	for _, row := range []struct{ name, more, text, params string }{
		{"with an object", `,"data":{"n": 1}`, "", `{"n": 1}`},
		{"with a string", `,"data":"https://example.com"`, "https://example.com", ""},
		{"with a number", `,"data":5`, "5", ""},
		{"with null", `,"data":null`, "", ""},
		{"without data", ``, "", ""},
		{"with text in base64", `,"data_base64":"` + base64.StdEncoding.EncodeToString([]byte("hello")) + `"`, "hello", ""},
		{"with an object in base64", `,"data_base64":"` + base64.StdEncoding.EncodeToString([]byte(bom+`{"n":1}`)) + `"`, "", `{"n":1}`},
	} {
		for kind, h := range map[string]header{"content type": structured, "no content type": nil} {
			t.Run(row.name+" is read with "+kind, func(t *testing.T) {
				in := parse(t, h, event(row.more))
				require.Equal(t, "/shop\ne1", in.Key)
				require.Equal(t, row.text, in.Text)
				require.Equal(t, row.params, string(in.Params))
			})
		}
	}

	t.Run("is recognised behind a byte order mark", func(t *testing.T) {
		require.Equal(t, "x", parse(t, nil, bom+event(`,"data":"x"`)).Text)
	})

	t.Run("has its extensions read, numbers in both forms", func(t *testing.T) {
		for _, index := range []string{`3`, `"3"`} {
			in := parse(t, structured, event(`,"data":"x","batch":"b1","index":`+index+
				`,"lane":"low","deadline":"1m","traceparent":"`+traceInfo+`","tracestate":"a=1"`))
			require.Equal(t, events.Input{
				Key: "/shop\ne1", Batch: "b1", Index: 3, Lane: events.LaneLow, Deadline: submitted.Add(time.Minute),
				TraceParent: traceInfo, TraceState: "a=1", Text: "x",
			}, in)
		}
	})

	t.Run("with extensions that are null is read as without them", func(t *testing.T) {
		in := parse(t, structured, event(`,"data":"x","batch":null,"index":null,"lane":null,"deadline":null`))
		require.Equal(t, events.Input{Key: "/shop\ne1", Lane: events.LaneNormal, Text: "x"}, in)
	})

	t.Run("yields to the message's own headers", func(t *testing.T) {
		in := parse(t, header{"nats-msg-id": {"k"}, "batch": {"b1"}, "index": {"1"}, "lane": {"high"}, "traceparent": {traceInfo}},
			event(`,"data":"x","batch":"b2","index":2,"lane":"low","tracestate":"a=1"`))
		require.Equal(t, events.Input{Key: "k", Batch: "b1", Index: 1, Lane: events.LaneHigh, TraceParent: traceInfo, Text: "x"}, in)
	})

	t.Run("is the same work as the same event in binary mode", func(t *testing.T) {
		require.Equal(t, parse(t, structured, event(`,"data":"x"`)), parse(t, binaryEvent(nil), "x"))
	})

	for _, row := range []struct{ name, body, remedy string }{
		{"in another version", `{"specversion":"0.3","id":"e1","source":"/shop","type":"order"}`, "use specversion 1.0"},
		{"without id", `{"specversion":"1.0","source":"/shop","type":"order"}`, "no id"},
		{"without source", `{"specversion":"1.0","id":"e1","type":"order"}`, "no source"},
		{"without type", `{"specversion":"1.0","id":"e1","source":"/shop"}`, "no type"},
		{"with a line break in its source", `{"specversion":"1.0","id":"e1","source":"/a\nb","type":"order"}`, "line break"},
		{"with broken base64", event(`,"data_base64":"*"`), "not base64"},
		{"with an array", event(`,"data":[1]`), "send one message per item"},
		{"with an unknown lane", event(`,"lane":"urgent"`), "use high, normal or low"},
		{"with an index that is no number", event(`,"index":{}`), "whole number"},
		{"with a batch that is no string", event(`,"batch":5`), "cannot be read"},
		{"that is not JSON", `hello`, "cannot be read"},
	} {
		t.Run(row.name+" is refused", func(t *testing.T) {
			refused(t, structured, row.body, row.remedy)
		})
	}

	t.Run("in a batch of events is refused", func(t *testing.T) {
		refused(t, header{"content-type": {"application/cloudevents-batch+json"}}, `[]`, "one event per message")
	})

	t.Run("that is broken still counts in its batch", func(t *testing.T) {
		in := refused(t, structured, event(`,"batch":"b1","index":3,"data_base64":"*"`), "not base64")
		require.Equal(t, "b1", in.Batch)
		require.EqualValues(t, 3, in.Index)
		require.Equal(t, "/shop\ne1", in.Key)
	})
}
