package client_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/standin"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// bury puts a dead letter and returns its number.
func bury(t *testing.T, b *standin.Broker, stage events.Stage, recipe string, h nats.Header, data string) uint64 {
	t.Helper()
	if h == nil {
		h = nats.Header{}
	}
	h.Set(events.HeaderDeadStage, string(stage))
	h.Set(events.HeaderDeadReason, string(events.ReasonMissingParameter))
	h.Set(events.HeaderDeadError, "parameter url is missing")
	h.Set(events.HeaderDeadSubject, events.WorkSubject(recipe))
	h.Set(events.HeaderDeadKey, "http://a")
	ack, err := b.JS.PublishMsg(t.Context(), &nats.Msg{Subject: events.DeadSubject(stage, recipe), Header: h, Data: []byte(data)})
	require.NoError(t, err)
	return ack.Sequence
}

func dead(t *testing.T, c *client.Client, f client.DeadFilter) []client.DeadLetter {
	t.Helper()
	var all []client.DeadLetter
	for d, err := range c.Dead(t.Context(), f) {
		require.NoError(t, err)
		all = append(all, d)
	}
	return all
}

func TestDeadLetters(t *testing.T) {
	b := standin.StartBroker(t)
	b.MakeStreams(t, -1)
	c := connect(t, b)
	require.Empty(t, dead(t, c, client.DeadFilter{}), "an empty list ends at once")

	one := bury(t, b, events.StageIngest, "page", nil, "12345")
	two := bury(t, b, events.StageFetch, "json", nil, "1")
	all := dead(t, c, client.DeadFilter{})
	require.Len(t, all, 2)
	require.Equal(t, client.DeadLetter{
		Seq: one, Time: all[0].Time, Stage: events.StageIngest, Recipe: "page", Reason: events.ReasonMissingParameter,
		Error: "parameter url is missing", Key: "http://a", Subject: "work.page", Bytes: 5,
	}, all[0])
	require.WithinDuration(t, time.Now(), all[0].Time, time.Minute)
	require.Len(t, dead(t, c, client.DeadFilter{Recipe: "json"}), 1)
	require.Len(t, dead(t, c, client.DeadFilter{Stage: events.StageIngest}), 1)
	require.Empty(t, dead(t, c, client.DeadFilter{Reason: events.ReasonPanic}))

	d, err := c.DeadShow(t.Context(), one)
	require.NoError(t, err)
	require.Equal(t, "12345", string(d.Data))
	require.Equal(t, "work.page", d.Header[events.HeaderDeadSubject])

	require.NoError(t, c.DeadRemove(t.Context(), two))
	require.ErrorIs(t, c.DeadRemove(t.Context(), two), client.ErrNoDeadLetter)
	_, err = c.DeadShow(t.Context(), two)
	require.ErrorIs(t, err, client.ErrNoDeadLetter)
	_, err = c.DeadShow(t.Context(), 99)
	require.ErrorIs(t, err, client.ErrNoDeadLetter)
	require.Len(t, dead(t, c, client.DeadFilter{}), 1)
}

func TestDeadReplay(t *testing.T) {
	t.Run("of what ingest refused sends the original bytes and the user's headers", func(t *testing.T) {
		b := standin.StartBroker(t)
		b.MakeStreams(t, -1)
		c := connect(t, b)
		seq := bury(t, b, events.StageIngest, "page", nats.Header{
			"Nats-Msg-Id": {"old"}, "lane": {"high"}, "batch": {"b1"}, "index": {"7"}, "deadline": {"1s"}, "traceparent": {"t"}, "ce-id": {"event-1"},
		}, `{"x":1}`)
		require.NoError(t, c.DeadReplay(t.Context(), seq))
		require.Empty(t, dead(t, c, client.DeadFilter{}), "the letter is gone")
		m := work(t, b)
		require.Len(t, m, 1)
		require.Equal(t, "work.page", m[0].Subject)
		require.JSONEq(t, `{"x":1}`, string(m[0].Data))
		require.Regexp(t, "^replay/s", m[0].Header.Get("Nats-Msg-Id"))
		m[0].Header.Del("Nats-Msg-Id")
		require.Equal(t, nats.Header{"lane": {"high"}, "traceparent": {"t"}, "ce-id": {"event-1"}}, m[0].Header)
	})
	t.Run("leaves out the attributes of the letter itself", func(t *testing.T) {
		b := standin.StartBroker(t)
		b.MakeStreams(t, -1)
		h := nats.Header{"lane": {"low"}}
		for k, v := range events.Headers("x", events.TypeDead, events.StageIngest) {
			h.Set(k, v)
		}
		seq := bury(t, b, events.StageIngest, "page", h, "plain")
		require.NoError(t, connect(t, b).DeadReplay(t.Context(), seq))
		m := work(t, b)[0]
		m.Header.Del("Nats-Msg-Id")
		require.Equal(t, nats.Header{"lane": {"low"}}, m.Header)
	})
	t.Run("of an item sends its parameters", func(t *testing.T) {
		b := standin.StartBroker(t)
		b.MakeStreams(t, -1)
		it := events.Item{
			ID: "i1", Recipe: "page", Batch: "b1", Lane: events.LaneHigh, Key: "http://a",
			Params: json.RawMessage(`{"url":"http://a"}`), Submitted: time.Now(),
		}
		data, err := json.Marshal(it)
		require.NoError(t, err)
		seq := bury(t, b, events.StageFetch, "page", nil, string(data))
		require.NoError(t, connect(t, b).DeadReplay(t.Context(), seq))
		m := work(t, b)
		require.Len(t, m, 1)
		require.JSONEq(t, `{"url":"http://a"}`, string(m[0].Data))
		require.Equal(t, "high", m[0].Header.Get("lane"))
		require.Empty(t, m[0].Header.Get("batch"))
	})
	t.Run("refuses what is no work, and keeps the letter", func(t *testing.T) {
		b := standin.StartBroker(t)
		b.MakeStreams(t, -1)
		c := connect(t, b)
		for _, seq := range []uint64{
			bury(t, b, events.StageSink, "page", nil, `{"id":"i","recipe":"page"}`),
			bury(t, b, events.StageFetch, "page", nil, "not an item"),
			bury(t, b, events.StageIngest, "Not A Name", nil, "x"),
		} {
			require.ErrorIs(t, c.DeadReplay(t.Context(), seq), client.ErrNotReplayable)
		}
		require.Len(t, dead(t, c, client.DeadFilter{}), 3)
	})
}
