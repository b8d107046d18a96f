package events_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// seed adds the golden files of a pattern to a corpus, and what breaks carelessly written decoders.
func seed(f *testing.F, pattern string) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(data)
	}
	for _, data := range []string{
		``, `null`, `{}`, `[]`, `{"id":"\ud800","recipe":"x","status":"ok"}`, `{"id":"1","recipe":"x","value":null,"lane":""}`,
		`{"id":"1","recipe":"x","status":"ok","finished":"9999-12-31T23:59:59-23:59"}`, `{"batch":"b","action":"close","total":1e3}`,
	} {
		f.Add([]byte(data))
	}
}

// readsBack checks a decoder: it never panics, its errors wrap ErrRecord, and what it has read can be written and read
// again and is then the same.
func readsBack[T any](t *testing.T, decode func([]byte) (*T, error), data []byte) {
	t.Helper()
	record, err := decode(data)
	if err != nil {
		require.ErrorIs(t, err, events.ErrRecord)
		require.Nil(t, record)
		return
	}
	once, err := json.Marshal(record)
	require.NoError(t, err, "what was read cannot be written")
	again, err := decode(once)
	require.NoError(t, err, "what was written cannot be read")
	twice, err := json.Marshal(again)
	require.NoError(t, err)
	require.Equal(t, string(once), string(twice))
}

func FuzzDecodeItem(f *testing.F) {
	seed(f, "item.v1.*.json")
	f.Fuzz(func(t *testing.T, data []byte) { readsBack(t, events.DecodeItem, data) })
}

func FuzzDecodeWhole(f *testing.F) {
	seed(f, "whole.v1.*.json")
	f.Fuzz(func(t *testing.T, data []byte) { readsBack(t, events.DecodeWhole, data) })
}

func FuzzDecodeResult(f *testing.F) {
	seed(f, "result.v1.*.json")
	f.Fuzz(func(t *testing.T, data []byte) { readsBack(t, events.DecodeResult, data) })
}

func FuzzDecodeBatchRecord(f *testing.F) {
	seed(f, "batch.v1.*.json")
	f.Fuzz(func(t *testing.T, data []byte) { readsBack(t, events.DecodeBatchRecord, data) })
}

func FuzzParseInput(f *testing.F) {
	for _, s := range []struct{ contentType, specVersion, attributes, body string }{
		{"", "", "", "https://example.com"},
		{"", "", "high|b1|7|30s|" + traceInfo, `{"url":"https://example.com"}`},
		{"", "1.0", "||||", `"quoted"`},
		{"application/cloudevents+json", "", "", `{"specversion":"1.0","id":"1","source":"/a","type":"t","data":{"n":1},"index":"1"}`},
		{"", "", "", `{"specversion":"1.0","id":"1","source":"/a","type":"t","data_base64":"aGk=","deadline":"9999-12-31T23:59:59-01:00"}`},
		{"application/cloudevents-batch+json", "", "", `[]`},
		{"", "", "", bom + `{"a":"\ud800"}`},
		{"", "", "", "\xff"},
	} {
		f.Add(s.contentType, s.specVersion, s.attributes, []byte(s.body))
	}
	f.Fuzz(func(t *testing.T, contentType, specVersion, attributes string, body []byte) {
		h := header{"content-type": {contentType}, "ce-specversion": {specVersion}, "ce-id": {"1"}, "ce-source": {"/s"}, "ce-type": {"t"}}
		for i, value := range bytes.Split([]byte(attributes), []byte("|")) {
			if names := []string{"lane", "batch", "index", "deadline", "traceparent"}; i < len(names) {
				h[names[i]] = []string{string(value)}
			}
		}
		in, err := events.ParseInput(h, body, submitted)
		again, errAgain := events.ParseInput(h, body, submitted)
		require.Equal(t, in, again, "a redelivery must be read like the first delivery")
		require.Equal(t, err, errAgain)
		requireUsable(t, in)
		if err != nil {
			require.ErrorIs(t, err, events.ErrInput)
			return
		}
		require.True(t, utf8.ValidString(in.Text))
		require.False(t, in.Params != nil && in.Text != "", "either parameters or text")

		params := in.Params
		if params == nil {
			params, err = json.Marshal(map[string]string{"text": in.Text})
			require.NoError(t, err)
		}
		item := events.Item{
			ID: events.IDFromKey(in.Key), Recipe: "x", Batch: in.Batch, Index: in.Index, Lane: in.Lane, Params: params,
			Submitted: submitted, Deadline: in.Deadline,
		}
		data, err := json.Marshal(&item)
		require.NoError(t, err, "an accepted item must be writable")
		readsBack(t, events.DecodeItem, data)
		read, err := events.DecodeItem(data)
		require.NoError(t, err)
		require.True(t, read.Deadline.Equal(in.Deadline))
	})
}

// requireUsable checks what holds for every Input, with or without an error: it can be made into a failed result.
func requireUsable(t *testing.T, in events.Input) {
	t.Helper()
	require.Contains(t, events.Lanes(), in.Lane)
	require.GreaterOrEqual(t, in.Index, int64(0))
	if in.Batch != "" {
		require.NoError(t, events.ValidBatch(in.Batch))
	}
	require.True(t, in.Deadline.IsZero() || in.Deadline.Location() == time.UTC)
	require.NotContains(t, in.TraceParent+in.TraceState, "\n")
}
