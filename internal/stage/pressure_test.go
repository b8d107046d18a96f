package stage_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// limit changes a stream.
func (m *mill) limit(stream string, change func(*jetstream.StreamConfig)) {
	m.t.Helper()
	s, err := m.js.Stream(m.t.Context(), stream)
	require.NoError(m.t, err)
	cfg := s.CachedInfo().Config
	change(&cfg)
	_, err = m.js.UpdateStream(m.t.Context(), cfg)
	require.NoError(m.t, err)
}

// held waits until a worker has found a stream full so many times.
func (m *mill) held(times float64) {
	m.t.Helper()
	require.Eventually(m.t, func() bool { return m.sum("fetchmill_stage_publish_retries_total") >= times },
		patience, 10*time.Millisecond)
}

func TestFullStream(t *testing.T) {
	ok := op("ok", func(_ context.Context, in ops.Input) (ops.Output, error) {
		return ops.Output{Value: ops.JSON(in.Attempt)}, nil
	})

	t.Run("holds workers up until there is room, and nothing is lost", func(t *testing.T) {
		m := newMill(t, time.Second)
		m.limit(topology.StreamResults, func(c *jetstream.StreamConfig) { c.MaxMsgs = 3 })
		m.worker(events.StageFetch, 4, quickLimits(), ok)
		const n = 30
		for i := range n {
			m.submit(item(fmt.Sprint("i", i), events.StageFetch, "ok"))
		}
		require.Eventually(t, func() bool { return m.left(topology.StreamResults) == 3 }, patience, 10*time.Millisecond)
		m.held(12) // for several times the broker's patience
		got := map[string]bool{}
		for range n {
			r := m.result()
			require.Equal(t, events.StatusOK, r.Status)
			require.Equal(t, 1, r.Attempts, "waiting is no failure")
			got[r.ID] = true
		}
		require.Len(t, got, n)
		m.eventuallyEmpty(topology.StreamFetch)
		m.dead(0)
	})

	t.Run("does not hold up the end: what waits is handed back", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.limit(topology.StreamResults, func(c *jetstream.StreamConfig) { c.MaxMsgs = 1 })
		w := m.worker(events.StageFetch, 2, quickLimits(), ok)
		for i := range 5 {
			m.submit(item(fmt.Sprint("i", i), events.StageFetch, "ok"))
		}
		m.held(2)
		w.stopIntake()
		w.endWork()
		require.NoError(t, w.end())
		require.EqualValues(t, 4, m.left(topology.StreamFetch))

		m.limit(topology.StreamResults, func(c *jetstream.StreamConfig) { c.MaxMsgs = -1 })
		m.env.Metrics = newRegistry()
		m.worker(events.StageFetch, 2, quickLimits(), ok) // the broker waits an hour: only a hand-back brings them
		for range 5 {
			require.Equal(t, events.StatusOK, m.result().Status)
		}
		m.eventuallyEmpty(topology.StreamFetch)
	})
}

func TestTooLarge(t *testing.T) {
	large := ops.JSON(strings.Repeat("x", 2<<20))
	for _, row := range []struct {
		name string
		op   ops.Op
		then string // a crunch step
		says events.Reason
	}{
		{"a result", op("big", func(context.Context, ops.Input) (ops.Output, error) { return ops.Output{Value: large}, nil }), "", events.ReasonTooLarge},
		{"an item for the next stage", op("big", func(context.Context, ops.Input) (ops.Output, error) {
			return ops.Output{Body: make([]byte, 2<<20)}, nil
		}), "crunch", events.ReasonTooLarge},
		{"the value of a failure", op("big", func(context.Context, ops.Input) (ops.Output, error) {
			return ops.Output{Value: large}, ops.Fail(events.ReasonHTTPStatus, errTest)
		}), "", events.ReasonHTTPStatus},
	} {
		t.Run(row.name+" that is too large ends the item once", func(t *testing.T) {
			m := newMill(t, time.Hour)
			m.worker(events.StageFetch, 1, quickLimits(), row.op)
			it := item("i1", events.StageFetch, "big")
			if row.then != "" {
				it.Plan.Crunch = []events.Step{{Op: row.then}}
			}
			m.submit(it, events.HeaderReply, "_INBOX.x")
			msg := m.take(topology.StreamResults, topology.ConsumerSink)
			r, err := events.DecodeResult(msg.Data())
			require.NoError(t, err)
			require.Equal(t, []any{events.StatusFailed, row.says, 1}, []any{r.Status, r.Reason, r.Attempts})
			require.Equal(t, "_INBOX.x", msg.Headers().Get(events.HeaderReply), "who waits is told")
			require.LessOrEqual(t, len(r.Value), 1<<20)
			m.eventuallyEmpty(topology.StreamFetch)
			m.dead(1)
		})
	}

	t.Run("a dead letter that is too large with its original keeps the reason", func(t *testing.T) {
		m := newMill(t, time.Hour)
		m.worker(events.StageFetch, 1, quickLimits(), always("get", ops.Fail(events.ReasonConnect, errTest)))
		const most = 1 << 20
		it := item("i1", events.StageFetch, "get")
		data, err := json.Marshal(it)
		require.NoError(t, err)
		params := make([]byte, 0, most)
		params = append(append(append(params, '"'), strings.Repeat("x", most-len(data)-100)...), '"')
		it.Params = params
		m.submit(it) // as large as can be, and a dead letter has more headers

		require.Equal(t, events.ReasonConnect, m.result().Reason)
		m.eventuallyEmpty(topology.StreamFetch)
		dead := m.dead(1)[0]
		require.Empty(t, dead.Data)
		require.Equal(t, "i1", dead.Header.Get(events.HeaderDeadItem))
	})

	for name, put := range map[string]func(m *mill){
		"data":    func(m *mill) { m.put("fetch.low.get", []byte(strings.Repeat("x", 1<<20-100))) },
		"headers": func(m *mill) { m.put("fetch.low.get", []byte("x"), "h", strings.Repeat("x", 65000)) },
	} {
		t.Run("an unreadable message with as much "+name+" as can be leaves its queue too", func(t *testing.T) {
			m := newMill(t, time.Hour)
			m.worker(events.StageFetch, 1, quickLimits())
			put(m)
			m.eventuallyEmpty(topology.StreamFetch)
			require.Equal(t, "undecodable", m.dead(1)[0].Header.Get(events.HeaderDeadReason))
		})
	}
}
