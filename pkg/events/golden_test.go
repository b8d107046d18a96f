package events_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Files in testdata are what earlier versions have written into streams and databases, and what other programs rely on.
// They are append-only: a new form of a record gets a new file, and every old file must still be readable.

var (
	submitted = time.Date(2026, 1, 31, 15, 4, 5, 123456789, time.UTC)
	finished  = time.Date(2026, 1, 31, 15, 4, 6, 500000000, time.UTC)
	deadline  = time.Date(2026, 1, 31, 16, 0, 0, 0, time.UTC)
)

func fullFetch() *events.FetchFacts {
	return &events.FetchFacts{
		Status: 200, Bytes: 5123, ContentType: "text/html; charset=utf-8", ElapsedMS: 48.25,
		URL: "https://example.com/home", Proto: "HTTP/2.0",
		Phases: &events.Phases{DNS: 1.5, Connect: 10, TLS: 20.25, FirstByte: 12, Transfer: 4.5},
	}
}

func securedFetch() *events.FetchFacts {
	f := fullFetch()
	f.Charset, f.NotModified = "windows-1252", true
	f.TLS = &events.TLSFacts{Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", Expires: deadline}
	f.Body = largeBody()
	return f
}

func largeBody() *events.BodyRef {
	return &events.BodyRef{Object: "sha256-9f86d081", Bytes: 1 << 30, SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}
}

// largeItem has a body that is kept elsewhere.
func largeItem() *events.Item {
	it := fullItem()
	it.Body, it.BodyRef, it.Fetch = nil, largeBody(), securedFetch()
	return it
}

func fullItem() *events.Item {
	return &events.Item{
		ID: "k08L5ANV1RBR32HTPGO4Q1N8NG0", Recipe: "page", Batch: "b1", Index: 7, Key: "https://example.com", Lane: events.LaneHigh,
		Params: json.RawMessage(`{"url":"https://example.com"}`),
		Plan: events.Plan{
			Fetch: &events.Step{Op: "http.get", With: json.RawMessage(`{"url":"https://example.com"}`), TimeoutMS: 10000, Attempts: 3},
			Crunch: []events.Step{
				{Op: "hash", With: json.RawMessage(`{"algorithm":"sha256"}`)},
				{Op: "jq", With: json.RawMessage(`{"program":".sum"}`), TimeoutMS: 500},
			},
			Quiet: true,
		},
		Value: json.RawMessage(`{"title":"Example"}`), Body: []byte("\x00body\xff"), Fetch: fullFetch(), Attempts: 2,
		Submitted: submitted, Deadline: deadline,
	}
}

// reducedItem has a batch with reductions.
func reducedItem() *events.Item {
	return &events.Item{
		ID: "s1", Recipe: "count", Batch: "b1", Lane: events.LaneNormal, Submitted: submitted, Reduce: json.RawMessage(`[{"name":"total","op":"sum","of":"value"}]`),
	}
}

func fullResult() *events.Result {
	return &events.Result{
		ID: "k08L5ANV1RBR32HTPGO4Q1N8NG0", Recipe: "page", Batch: "b1", Index: 7, Key: "https://example.com",
		Status: events.StatusFailed, Reason: events.ReasonHTTPStatus, Error: "status 404", Attempts: 2,
		Value: json.RawMessage(`{"title":"Example"}`), Fetch: fullFetch(), Submitted: submitted, Finished: finished,
	}
}

// records has a record for each file, with all fields set or with as few as possible.
func records() map[string]any {
	return map[string]any{
		"item.v1.full.json":    fullItem(),
		"item.v1.minimal.json": &events.Item{ID: "s1", Recipe: "count", Lane: events.LaneNormal, Submitted: submitted},
		"item.v1.large.json":   largeItem(),
		"item.v1.part.json": &events.Item{
			ID: events.PartID("s1", 2), Recipe: "count-to", Batch: "s1", Index: 2, Key: "1000 3/64", Lane: events.LaneLow,
			Plan:      events.Plan{Crunch: []events.Step{{Op: "count", With: json.RawMessage(`{"from":32,"to":48}`)}}},
			Submitted: submitted, Within: "b1",
		},
		"whole.v1.full.json": &events.Whole{
			ID: "s1", Recipe: "count-to", Batch: "b1", Index: 7, Key: "1000", Parts: 64, Submitted: submitted, Reply: "_INBOX.a.1",
			TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", TraceState: "a=b",
		},
		"whole.v1.reduce.json":  &events.Whole{ID: "s1", Recipe: "count-to", Batch: "b1", Parts: 1, Submitted: submitted, Reduce: reducedItem().Reduce},
		"whole.v1.minimal.json": &events.Whole{ID: "s1", Recipe: "count-to", Parts: 1, Submitted: submitted},
		"result.v1.full.json":   fullResult(),
		"result.v1.secured.json": &events.Result{
			ID: "s1", Recipe: "page", Status: events.StatusOK, Fetch: securedFetch(), Submitted: submitted, Finished: finished,
		},
		"result.v1.minimal.json": &events.Result{
			ID: "s1", Recipe: "count", Status: events.StatusOK, Submitted: submitted, Finished: finished,
		},
		"batch.v1.open.json": &events.BatchRecord{
			Batch: "b1", Recipe: "page", Action: events.BatchOpen, At: submitted,
		},
		"batch.v1.close.json":  &events.BatchRecord{Batch: "b1", Action: events.BatchClose, Total: 10000, At: submitted},
		"batch.v1.cancel.json": &events.BatchRecord{Batch: "b1", Action: events.BatchCancel, At: submitted},
		"batch.done.v1.full.json": &events.Batch{
			Batch: "b1", Recipe: "page", State: events.BatchStateDone, Total: 10, OK: 7, Failed: 2, Cancelled: 1,
			Created: submitted, Updated: finished, Finished: finished,
		},
		"item.v1.reduce.json":   reducedItem(),
		"result.v1.reduce.json": reducedItem().Result(events.StatusOK, finished),
		"batch.done.v1.reduced.json": &events.Batch{
			Batch: "b1", Recipe: "page", State: events.BatchStateDone, Total: 3, OK: 3, Created: submitted, Updated: finished, Finished: finished,
			Reduced: []events.Reduced{
				{
					Name: "total", Op: "sum", Of: "value.count", Where: "value.count > 0", Skipped: 1,
					ReducedValue: events.ReducedValue{Value: json.RawMessage("12"), Count: 2},
				},
				{
					Name: "kinds", Op: "distinct", Of: "value.kind", By: "recipe", LeftOut: 4, ReducedValue: events.ReducedValue{Count: 3},
					Keys:   []events.ReducedKey{{Key: "page", ReducedValue: events.ReducedValue{Value: json.RawMessage("2"), Count: 2, Estimate: true}}},
					Others: &events.ReducedValue{Value: json.RawMessage("1"), Count: 1},
				},
			},
		},
		"query.batches.reduced.v1.json": &events.BatchQuery{Batch: "b1", Reduced: true},
		"batch.done.v1.unfinished.json": &events.Batch{
			Batch: "b1", State: events.BatchStateOpen, Total: -1, OK: 7, Created: submitted, Updated: finished,
		},
		"query.results.v1.json": &events.ResultQuery{
			ID: "s1", Batch: "b1", Recipe: "page", Status: events.StatusFailed, Reason: events.ReasonDNS,
			Order: events.OrderIndex, After: "cursor", Limit: 50,
		},
		"query.results.page.v1.json": &events.ResultPage{Results: []events.Result{*fullResult()}, Next: "cursor"},
		"query.counts.v1.json":       &events.CountQuery{Batch: "b1", Recipe: "page"},
		"query.counts.table.v1.json": &events.CountTable{Counts: []events.Count{
			{Recipe: "page", Status: events.StatusFailed, Reason: events.ReasonDNS, Count: 3},
			{Recipe: "page", Status: events.StatusOK, Count: 9997},
		}},
		"query.batches.v1.json": &events.BatchQuery{Batch: "b1", After: "cursor", Limit: 50},
		"query.batches.page.v1.json": &events.BatchPage{
			Batches: []events.Batch{{Batch: "b1", State: events.BatchStateClosed, Total: 10, Created: submitted, Updated: finished}},
			Next:    "cursor",
		},
		"batch.request.v1.json":        &events.BatchRequest{Batch: "b1", Recipe: "page", Total: 10},
		"batch.request.reduce.v1.json": &events.BatchRequest{Batch: "b1", Recipe: "page", Reduce: []string{"count", "sum(value.n) by key"}},
		"batch.request.v1.notify.json": &events.BatchRequest{Batch: "b1", Recipe: "page", Notify: []string{"ops", "phone"}},
		"problem.v1.json": &events.Problem{
			Type: "about:blank", Title: "Bad Request", Status: 400, Detail: "send a number", Reason: events.ReasonInvalidParameter,
		},
		"notice.v1.full.json":  fullNotice(),
		"notice.v1.least.json": leastNotice(),
		"channel.list.v1.json": &events.ChannelList{Channels: []events.ChannelStatus{
			{
				Channel: "ops", Kind: "email", Waiting: 3, Sent: 120, LastSent: submitted, LastFailed: finished, LastError: "connect: refused", Resting: deadline,
			},
			{Channel: "phone", Kind: "shoutrrr"},
		}},
		"channel.test.v1.json":   &events.ChannelTest{Channel: "ops", By: "ada"},
		"channel.tested.v1.json": &events.ChannelTested{Channel: "ops", Kind: "email", TookMS: 480},
		"headers.item.v1.json":   events.Headers("s1.fetch", events.TypeItem, events.StageIngest),
	}
}

func TestWireFormat(t *testing.T) {
	for name, record := range allRecords() {
		t.Run(name+" is what is written", func(t *testing.T) {
			got, err := json.MarshalIndent(record, "", "  ")
			require.NoError(t, err)
			got = append(got, '\n')
			path := filepath.Join("testdata", name)
			if os.Getenv("FETCHMILL_NEW_GOLDEN") != "" { // writes files that are missing, never changes one
				if _, err := os.Stat(path); os.IsNotExist(err) {
					require.NoError(t, os.WriteFile(path, got, 0o600))
				}
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err, "a new form of a record: make its file with FETCHMILL_NEW_GOLDEN=1 go test ./pkg/events")
			require.Equal(t, string(want), string(got), "the wire format has changed; old messages and other programs have the old one")
		})
	}

	t.Run("every record ever written can be read and means the same", func(t *testing.T) {
		for _, form := range []struct {
			pattern string
			decode  func([]byte) (any, error)
		}{
			{"item.v1.*.json", func(b []byte) (any, error) { return events.DecodeItem(b) }},
			{"result.v1.*.json", func(b []byte) (any, error) { return events.DecodeResult(b) }},
			{"batch.v1.*.json", func(b []byte) (any, error) { return events.DecodeBatchRecord(b) }},
			{"notice.v1.*.json", func(b []byte) (any, error) { return events.DecodeNotice(b) }},
		} {
			files, err := filepath.Glob(filepath.Join("testdata", form.pattern))
			require.NoError(t, err)
			require.NotEmpty(t, files)
			for _, file := range files {
				data, err := os.ReadFile(file)
				require.NoError(t, err)
				record, err := form.decode(data)
				require.NoError(t, err, file)
				again, err := json.Marshal(record)
				require.NoError(t, err)
				require.JSONEq(t, string(data), string(again), file)
			}
		}
	})

	t.Run("what is read equals what was written", func(t *testing.T) {
		data, err := json.Marshal(fullItem())
		require.NoError(t, err)
		item, err := events.DecodeItem(data)
		require.NoError(t, err)
		require.Equal(t, fullItem(), item)

		data, err = json.Marshal(fullResult())
		require.NoError(t, err)
		result, err := events.DecodeResult(data)
		require.NoError(t, err)
		require.Equal(t, fullResult(), result)
	})
}
