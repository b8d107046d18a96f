package stage_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

func TestSteps(t *testing.T) {
	t.Run("a fetched item goes on to its crunch, with body, facts and a shorter plan", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.worker(events.StageFetch, 4, quickLimits(), op("get", func(_ context.Context, in ops.Input) (ops.Output, error) {
			require.JSONEq(t, `{"n":1}`, string(in.With))
			require.Equal(t, 1, in.Attempt)
			return ops.Output{Value: ops.JSON(7), Body: []byte{0, 255}, Fetch: &events.FetchFacts{Status: 200, Bytes: 2}}, nil
		}))
		it := item("i1", events.StageFetch, "get")
		it.Lane, it.Batch, it.Index = events.LaneHigh, "b", 3
		it.Plan.Fetch.With = json.RawMessage(`{"n":1}`)
		it.Plan.Crunch = []events.Step{{Op: "image.resize"}}
		m.submit(it)

		msg := m.take(topology.StreamCrunch, topology.LaneConsumer(events.LaneHigh))
		require.Equal(t, "crunch.high.image.resize", msg.Subject())
		for k, want := range map[string]string{
			events.HeaderMsgID: "i1.crunch", events.HeaderID: "i1.crunch", events.HeaderSpecVersion: "1.0",
			events.HeaderType: events.TypeItem, events.HeaderSource: "/fetchmill/fetch", events.HeaderContentType: "application/json",
			"_watermill_message_uuid": "i1.crunch",
		} {
			require.Equal(t, want, msg.Headers().Get(k), k)
		}
		next, err := events.DecodeItem(msg.Data())
		require.NoError(t, err)
		require.Nil(t, next.Plan.Fetch)
		require.Equal(t, it.Plan.Crunch, next.Plan.Crunch)
		require.Equal(t, []byte{0, 255}, next.Body)
		require.Equal(t, "7", string(next.Value))
		require.Equal(t, 200, next.Fetch.Status)
		require.Equal(t, 1, next.Attempts)
		require.Equal(t, []any{"b", int64(3), events.LaneHigh, it.Key}, []any{next.Batch, next.Index, next.Lane, next.Key})
		m.eventuallyEmpty(topology.StreamFetch)
		m.dead(0)
	})

	t.Run("an item with nothing left to do becomes a result", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.worker(events.StageFetch, 1, quickLimits(), op("get", func(context.Context, ops.Input) (ops.Output, error) {
			return ops.Output{Value: ops.JSON("v"), Body: []byte("dropped")}, nil
		}))
		it := item("i1", events.StageFetch, "get")
		m.submit(it)

		msg := m.take(topology.StreamResults, topology.ConsumerSink)
		require.Equal(t, "result.r", msg.Subject())
		require.Equal(t, "i1.sink", msg.Headers().Get(events.HeaderMsgID))
		require.Equal(t, events.TypeResult, msg.Headers().Get(events.HeaderType))
		r, err := events.DecodeResult(msg.Data())
		require.NoError(t, err)
		require.Equal(t, events.StatusOK, r.Status)
		require.Empty(t, r.Reason)
		require.Equal(t, `"v"`, string(r.Value))
		require.Equal(t, 1, r.Attempts)
		require.WithinDuration(t, time.Now(), r.Finished, patience)
		require.True(t, it.Submitted.Equal(r.Submitted))
	})

	t.Run("several crunch steps run in one worker, with no message in between, and pass on value and body", func(t *testing.T) {
		m := newMill(t, time.Hour)
		add := op("add", func(_ context.Context, in ops.Input) (ops.Output, error) {
			var n int
			if len(in.Value) > 0 {
				if err := json.Unmarshal(in.Value, &n); err != nil {
					return ops.Output{}, err
				}
			}
			return ops.Output{Value: ops.JSON(n + 1), Body: append(in.Body, 'x')}, nil
		})
		look := op("look", func(_ context.Context, in ops.Input) (ops.Output, error) {
			return ops.Output{Body: append(in.Body, '!')}, nil // no value: the one before stays
		})
		last := op("last", func(_ context.Context, in ops.Input) (ops.Output, error) {
			return ops.Output{Value: ops.JSON(string(in.Value) + string(in.Body))}, nil
		})
		m.worker(events.StageCrunch, 1, quickLimits(), add, look, last)
		it := item("i1", events.StageCrunch, "add", "add", "look", "last")
		it.Body, it.Attempts = []byte("b"), 2 // what a fetch made, at the second try
		m.submit(it)

		r := m.result()
		require.Equal(t, `"2bxx!"`, string(r.Value))
		require.Equal(t, 2, r.Attempts)
		for _, name := range []string{topology.StreamCrunch, topology.StreamResults} {
			s, err := m.js.Stream(t.Context(), name)
			require.NoError(t, err)
			require.EqualValues(t, 1, s.CachedInfo().State.LastSeq, "messages that %s has ever had", name)
		}
	})

	t.Run("items of all lanes are done", func(t *testing.T) {
		m := newMill(t, time.Hour)
		for _, lane := range events.Lanes() {
			it := item("i-"+string(lane), events.StageFetch, "get")
			it.Lane = lane
			m.submit(it)
		}
		m.worker(events.StageFetch, 2, quickLimits(), op("get", func(context.Context, ops.Input) (ops.Output, error) {
			return ops.Output{}, nil
		}))
		got := map[string]bool{}
		for range events.Lanes() {
			got[m.result().ID] = true
		}
		require.Len(t, got, 3)
	})

	t.Run("an item that is done twice is handed on once", func(t *testing.T) {
		m := newMill(t, time.Hour)
		it := item("i1", events.StageFetch, "get")
		m.submit(it)
		m.submit(it)
		m.worker(events.StageFetch, 1, quickLimits(), op("get", func(context.Context, ops.Input) (ops.Output, error) {
			return ops.Output{}, nil
		}))
		m.eventuallyEmpty(topology.StreamFetch)
		require.EqualValues(t, 1, m.left(topology.StreamResults))
	})
}
