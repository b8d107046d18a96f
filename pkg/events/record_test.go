package events_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestDecoders(t *testing.T) {
	item := func(b []byte) error { _, err := events.DecodeItem(b); return err }
	result := func(b []byte) error { _, err := events.DecodeResult(b); return err }
	batch := func(b []byte) error { _, err := events.DecodeBatchRecord(b); return err }

	for _, row := range []struct {
		name   string
		decode func([]byte) error
		data   string
	}{
		{"an item that is empty", item, ``},
		{"an item that is null", item, `null`},
		{"an item that is not an object", item, `[]`},
		{"an item with something after it", item, `{"id":"s1","recipe":"count"} {}`},
		{"an item without id", item, `{"recipe":"count"}`},
		{"an item without recipe", item, `{"id":"s1"}`},
		{"an item with an unknown lane", item, `{"id":"s1","recipe":"count","lane":"urgent"}`},
		{"a result without id", result, `{"recipe":"count","status":"ok"}`},
		{"a result without recipe", result, `{"id":"s1","status":"ok"}`},
		{"a result without status", result, `{"id":"s1","recipe":"count"}`},
		{"a result with an unknown status", result, `{"id":"s1","recipe":"count","status":"fine"}`},
		{"a result that is not JSON", result, `ok`},
		{"a batch record without name", batch, `{"action":"open"}`},
		{"a batch record with an impossible name", batch, `{"batch":"a b","action":"open"}`},
		{"a batch record without action", batch, `{"batch":"b1"}`},
		{"a batch record with an unknown action", batch, `{"batch":"b1","action":"pause"}`},
		{"a close with a negative total", batch, `{"batch":"b1","action":"close","total":-1}`},
		{"a batch record that is not JSON", batch, `open`},
	} {
		t.Run(row.name+" is refused", func(t *testing.T) {
			require.ErrorIs(t, row.decode([]byte(row.data)), events.ErrRecord)
		})
	}

	t.Run("an item without a lane is in the normal one", func(t *testing.T) {
		it, err := events.DecodeItem([]byte(`{"id":"s1","recipe":"count"}`))
		require.NoError(t, err)
		require.Equal(t, events.LaneNormal, it.Lane)
	})

	t.Run("fields of later versions are ignored", func(t *testing.T) {
		it, err := events.DecodeItem([]byte(`{"id":"s1","recipe":"count","lane":"low","color":"blue"}`))
		require.NoError(t, err)
		require.Equal(t, events.LaneLow, it.Lane)
	})

	t.Run("a batch may be closed with no items", func(t *testing.T) {
		b, err := events.DecodeBatchRecord([]byte(`{"batch":"b1","action":"close"}`))
		require.NoError(t, err)
		require.Zero(t, b.Total)
	})
}

func TestPlanNext(t *testing.T) {
	fetch := &events.Step{Op: "http.get"}
	crunch := []events.Step{{Op: "hash"}, {Op: "jq"}}
	for _, row := range []struct {
		name  string
		plan  events.Plan
		stage events.Stage
		op    string
	}{
		{"fetch comes first", events.Plan{Fetch: fetch, Crunch: crunch}, events.StageFetch, "http.get"},
		{"without fetch the first crunch is next", events.Plan{Crunch: crunch}, events.StageCrunch, "hash"},
		{"with nothing left the sink is next", events.Plan{}, events.StageSink, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			stage, op := row.plan.Next()
			require.Equal(t, row.stage, stage)
			require.Equal(t, row.op, op)
		})
	}
}

func TestItemResult(t *testing.T) {
	t.Run("a result has everything that its item knows", func(t *testing.T) {
		want := fullResult()
		want.Status, want.Reason, want.Error = events.StatusOK, "", ""
		require.Equal(t, want, fullItem().Result(events.StatusOK, finished))
	})
}

func TestBatch(t *testing.T) {
	t.Run("all three ends count", func(t *testing.T) {
		require.EqualValues(t, 6, events.Batch{OK: 1, Failed: 2, Cancelled: 3}.Ended())
	})
	t.Run("only done, cancelled and expired batches are finished", func(t *testing.T) {
		for state, finished := range map[events.BatchState]bool{
			events.BatchStateOpen: false, events.BatchStateClosed: false,
			events.BatchStateDone: true, events.BatchStateCancelled: true, events.BatchStateExpired: true,
		} {
			require.Equal(t, finished, events.Batch{State: state}.IsFinished(), state)
		}
	})
}

func TestProblem(t *testing.T) {
	t.Run("its text is the detail, or else the title", func(t *testing.T) {
		require.EqualError(t, &events.Problem{Title: "Bad Request", Detail: "send a number"}, "send a number")
		require.EqualError(t, &events.Problem{Title: "Bad Request"}, "Bad Request")
	})
}
