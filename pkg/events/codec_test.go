package events_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func richItem() *events.Item {
	return &events.Item{
		ID: "k1", Recipe: "page", Batch: "b.1", Index: 7, Key: `a "quoted" <key> & ünïcode ` + "\u2028\n", Lane: events.LaneHigh,
		Params: json.RawMessage(`{"url":"http://x/?a=1","n":[1,2,{"x":"}]\""}]}`),
		Plan: events.Plan{
			Fetch:  &events.Step{Op: "http.get", With: json.RawMessage(`{"url":"http://x"}`), TimeoutMS: 30000, Attempts: 5},
			Crunch: []events.Step{{Op: "jq", With: json.RawMessage(`{"query":".[]"}`)}, {Op: "hash"}},
			Quiet:  true,
		},
		Value: json.RawMessage(`[1,"two",null]`), Body: []byte{0, 1, 0xff, 'x'},
		Fetch:    &events.FetchFacts{Status: 200, Bytes: 12, ElapsedMS: 1.5, Phases: &events.Phases{DNS: 0.25}},
		Attempts: 3, Submitted: time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC), Deadline: time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC),
		Reduce: json.RawMessage(`[{"name":"n","op":"count"}]`), Time: time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC), Window: json.RawMessage(`{"size_ms":1000}`),
	}
}

func TestEncode(t *testing.T) {
	t.Run("an item is what encoding/json writes", func(t *testing.T) {
		for _, it := range []*events.Item{richItem(), largeItem(), {ID: "x", Recipe: "y"}, {ID: "x", Recipe: "y", Batch: "b", Within: "whole"}, {ID: "x", Plan: events.Plan{Crunch: []events.Step{{Op: "a"}}}}} {
			want, err := json.Marshal(it)
			require.NoError(t, err)
			got, err := it.Encode()
			require.NoError(t, err)
			require.Equal(t, string(want), string(got))
		}
	})
	t.Run("a result is what encoding/json writes", func(t *testing.T) {
		r := richItem().Result(events.StatusFailed, time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC))
		r.Reason, r.Error = events.ReasonTimeout, "no answer within <30s>"
		for _, r := range []*events.Result{r, {}} {
			want, err := json.Marshal(r)
			require.NoError(t, err)
			got, err := r.Encode()
			require.NoError(t, err)
			require.Equal(t, string(want), string(got))
		}
	})
	t.Run("numbers of all sizes are what encoding/json writes", func(t *testing.T) {
		for _, f := range []float64{0, 1, -1, 0.1, 1e-6, 9.9e-7, 1e20, 1e21, 123456.789, math.MaxFloat64, math.SmallestNonzeroFloat64} {
			it := &events.Item{ID: "x", Recipe: "y", Fetch: &events.FetchFacts{ElapsedMS: f, Phases: &events.Phases{TLS: -f, Transfer: f / 3}}}
			want, err := json.Marshal(it)
			require.NoError(t, err)
			got, err := it.Encode()
			require.NoError(t, err)
			require.Equal(t, string(want), string(got))
			back, err := events.DecodeItem(got)
			require.NoError(t, err)
			require.Equal(t, it.Fetch, back.Fetch)
		}
		_, err := (&events.Item{ID: "x", Recipe: "y", Fetch: &events.FetchFacts{ElapsedMS: math.NaN()}}).Encode()
		require.ErrorIs(t, err, events.ErrRecord)
	})
	t.Run("refuses a value that is not JSON", func(t *testing.T) {
		it := richItem()
		it.Value = json.RawMessage(`{"broken`)
		_, err := it.Encode()
		require.ErrorIs(t, err, events.ErrRecord)
	})
}

func TestDecodeKeepsEverything(t *testing.T) {
	for _, want := range []*events.Item{richItem(), largeItem()} {
		data, err := want.Encode()
		require.NoError(t, err)
		got, err := events.DecodeItem(data)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}

	want := richItem()
	data, err := want.Encode()
	require.NoError(t, err)
	var indented map[string]any
	require.NoError(t, json.Unmarshal(data, &indented))
	pretty, err := json.MarshalIndent(indented, "\t", "  ")
	require.NoError(t, err)
	again, err := events.DecodeItem(pretty)
	require.NoError(t, err)
	require.Equal(t, want.Plan.Crunch[1], again.Plan.Crunch[1])
	require.Equal(t, want.Body, again.Body)
	require.Equal(t, want.Key, again.Key)
}

// FuzzDecodeAgrees holds the decoder to encoding/json: what it accepts, that accepts too, and with the same outcome.
func FuzzDecodeAgrees(f *testing.F) {
	data, err := richItem().Encode()
	require.NoError(f, err)
	f.Add(data)
	data, err = largeItem().Encode()
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte(`{"id":"a","recipe":"b","lane":"low","attempts":null,"plan":{"crunch":[{"op":"x"} , {"op":"y"}]},"submitted":"2026-01-01T00:00:00Z"}`))
	f.Add([]byte(` { "id" : "\u0061" , "recipe":"b", "plan":null , "other":[{"id":1}] } `))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := events.DecodeItem(data)
		if err != nil {
			require.ErrorIs(t, err, events.ErrRecord)
			return
		}
		again, err := got.Encode()
		if err != nil { // a year beyond 9999 can be read from a time zone's shift
			require.ErrorIs(t, err, events.ErrRecord)
			return
		}
		second, err := events.DecodeItem(again)
		require.NoError(t, err, string(again))
		third, err := second.Encode()
		require.NoError(t, err)
		require.Equal(t, string(again), string(third))
		require.NoError(t, json.Unmarshal(again, new(events.Item)), string(again))
	})
}

func BenchmarkItem(b *testing.B) {
	it := &events.Item{
		ID: "k1", Recipe: "noop", Batch: "bench", Index: 123456, Key: "123456", Lane: events.LaneNormal,
		Params: json.RawMessage(`{"key":"123456"}`), Submitted: time.Now().UTC(),
		Plan: events.Plan{Fetch: &events.Step{Op: "noop"}, Crunch: []events.Step{{Op: "noop"}}},
	}
	for b.Loop() {
		data, err := it.Encode()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := events.DecodeItem(data); err != nil {
			b.Fatal(err)
		}
	}
}
