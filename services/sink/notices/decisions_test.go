package notices

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/sink/notices/channels"
)

func (o *office) end(b events.Batch) {
	o.t.Helper()
	data, err := json.Marshal(b)
	require.NoError(o.t, err)
	_, err = o.js.Publish(o.t.Context(), events.SubjectBatchDone, data)
	require.NoError(o.t, err)
}

func ended(name, recipe string, failed int64) events.Batch {
	now := time.Now().UTC()
	return events.Batch{
		Batch: name, Recipe: recipe, State: events.BatchStateDone, Total: 10, OK: 10 - failed, Failed: failed,
		Created: now.Add(-time.Minute), Updated: now, Finished: now,
	}
}

func TestBatches(t *testing.T) {
	o, ops, dev := newOffice(t), newHook(t), newHook(t)
	kv, err := o.js.KeyValue(t.Context(), topology.BucketControl)
	require.NoError(t, err)
	_, err = kv.Put(t.Context(), topology.NotifyKey("wanted"), []byte(`["dev","not a name"]`))
	require.NoError(t, err)
	o.end(ended("before", "page", 0)) // the consumer is there from the setup on
	cfg := Config{Channels: &channels.Catalogue{
		Channels: []*channels.Channel{hooked("ops", ops.outlet(t)), hooked("dev", dev.outlet(t))},
		Batches: []channels.BatchRule{
			{Channels: []string{"ops"}, Recipes: []string{"page"}}, {Channels: []string{"dev"}, Unwell: true},
		},
	}}
	o.openWith(cfg) // two sinks tell once
	o.openWith(cfg)
	o.end(ended("monday", "page", 0))
	o.end(ended("tuesday", "count", 3))
	o.end(ended("wanted", "count", 0))
	o.end(ended(events.IDFromKey("an item in parts"), "page", 0))
	_, err = o.js.Publish(t.Context(), events.SubjectBatchDone, []byte("none"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(ops.got()) == 2 && len(dev.got()) == 2 }, time.Minute, 5*time.Millisecond)
	o.allSent()
	require.ElementsMatch(t, []string{"before", "monday"}, ops.got())
	require.ElementsMatch(t, []string{"tuesday", "wanted"}, dev.got())
}

func TestBatchDone(t *testing.T) {
	b := ended("monday", "page", 3)
	n := batchDone("ops", &b)
	require.NoError(t, n.Validate())
	require.Equal(t, time.Minute, n.Duration())
	require.Equal(t, map[string]string{"state": "done", "total": "10", "ok": "7", "failed": "3", "cancelled": "0"}, n.Facts)
	again := batchDone("ops", &b)
	require.Equal(t, n.ID, again.ID)
	b.Finished = b.Finished.Add(time.Second)
	require.NotEqual(t, n.ID, batchDone("ops", &b).ID)
	unknown := events.Batch{Batch: "x", State: events.BatchStateExpired, Total: -1}
	n = batchDone("ops", &unknown)
	require.NoError(t, n.Validate())
	require.NotContains(t, n.Facts, "total")
}

func TestGrowth(t *testing.T) {
	o, ops := newOffice(t), newHook(t)
	bury := func(n int) {
		for range n {
			_, err := o.js.Publish(t.Context(), "dead.fetch.page", []byte("x"))
			require.NoError(t, err)
		}
	}
	bury(7) // are no growth
	cfg := Config{Channels: &channels.Catalogue{
		Channels:    []*channels.Channel{hooked("ops", ops.outlet(t))},
		DeadLetters: channels.DeadLetterRule{Channels: []string{"ops"}, At: 3},
	}}
	for range 3 {
		o.openWith(cfg)
	}
	kv, err := o.js.KeyValue(t.Context(), topology.BucketControl)
	require.NoError(t, err)
	told := func(seq uint64) func() bool {
		return func() bool {
			e, err := kv.Get(t.Context(), topology.DeadMark)
			var m mark
			return err == nil && json.Unmarshal(e.Value(), &m) == nil && m.Seq == seq
		}
	}
	require.Eventually(t, told(7), time.Minute, 5*time.Millisecond)
	bury(2)
	require.Never(t, func() bool { return len(ops.got()) > 0 }, 200*time.Millisecond, 20*time.Millisecond, "two are not enough")
	bury(1)
	require.Eventually(t, told(10), time.Minute, 5*time.Millisecond)
	o.allSent()
	bury(3)
	require.Eventually(t, told(13), time.Minute, 5*time.Millisecond)
	require.Eventually(t, func() bool { return len(ops.got()) == 2 }, time.Minute, 5*time.Millisecond, "one notice for each growth, from three sinks")
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(ops.messages()))), 2)
}

func TestOrphans(t *testing.T) {
	o := newOffice(t)
	o.decide(down("gone", "a"), down("gone", "b"))
	_, err := o.js.Publish(t.Context(), "notice.No%20name", []byte("x"))
	require.NoError(t, err)
	s, _ := o.open()
	require.Eventually(t, func() bool { return o.log.String() != "" }, time.Minute, 5*time.Millisecond)
	require.Contains(t, o.log.String(), "not in the file of channels")
	require.Equal(t, 3, o.waiting(), "they wait first")

	orphans := newOrphans(s)
	orphans.maxAge = time.Millisecond
	for range 2 { // another sink does the same
		require.NoError(t, orphans.look(t.Context()))
	}
	require.Zero(t, o.waiting())
	letters := o.letters()
	require.Len(t, letters, 3)
	for _, l := range letters {
		require.Equal(t, "unknown_channel", l.Header.Get(events.HeaderDeadReason))
		require.Contains(t, []string{"dead.notice.gone", "dead.notice._"}, l.Subject)
	}
}
