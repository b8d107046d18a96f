package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/pkg/events"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func result(id, batch string, idx int64) *events.Result {
	return &events.Result{
		ID: id, Recipe: "page", Batch: batch, Index: idx, Key: "http://127.0.0.1/" + id, Status: events.StatusOK, Attempts: 1,
		Value: json.RawMessage(`{"n":1}`), Fetch: &events.FetchFacts{Status: 200, Bytes: 12, ElapsedMS: 1.5},
		Submitted: noon.Add(-time.Second), Finished: noon.Add(-time.Millisecond),
	}
}

func failed(id, batch string, idx int64) *events.Result {
	r := result(id, batch, idx)
	r.Status, r.Reason, r.Error, r.Value, r.Fetch = events.StatusFailed, events.ReasonTimeout, "no answer", nil, nil
	return r
}

func record(batch string, action events.BatchAction, total int64) Entry {
	return Entry{Record: &events.BatchRecord{Batch: batch, Recipe: "page", Action: action, Total: total, At: noon}}
}

func commit(t testing.TB, db *DB, entries ...Entry) []Outcome {
	t.Helper()
	out, err := db.Commit(t.Context(), entries)
	require.NoError(t, err)
	return out
}

func batchOf(t testing.TB, db *DB, name string) events.Batch {
	t.Helper()
	page, err := db.Batches(t.Context(), events.BatchQuery{Batch: name})
	require.NoError(t, err)
	require.Len(t, page.Batches, 1)
	return page.Batches[0]
}

// announced returns the message ids in the outbox.
func announced(t testing.TB, db *DB) []string {
	t.Helper()
	rows, err := db.Outbox(t.Context(), 100_000)
	require.NoError(t, err)
	var ids []string
	for _, r := range rows {
		require.Equal(t, events.SubjectBatchDone, r.Subject)
		ids = append(ids, r.MsgID)
	}
	return ids
}

func (r rig) testCommit(t *testing.T) {
	t.Run("gives back what was stored, to the byte", func(t *testing.T) {
		db := r.open(t)
		r := result("a", "b1", 7)
		r.Key, r.Error, r.Fetch.ContentType = "nul \x00 and ünïcödé, \uFFFE and \uFFFE0", "<&>", "\x00\uFFFE"
		out := commit(t, db, Entry{Result: r})
		require.Equal(t, []Outcome{{New: true, Result: r}}, out)
		require.Equal(t, []Outcome{{Result: r}}, commit(t, db, Entry{Result: r}))
		page, err := db.Results(t.Context(), events.ResultQuery{ID: "a"})
		require.NoError(t, err)
		require.Equal(t, []events.Result{*r}, page.Results)
	})
	t.Run("answers a duplicate with the first result, also within one transaction", func(t *testing.T) {
		db := r.open(t)
		out := commit(t, db, Entry{Result: result("a", "", 0)}, Entry{Result: failed("a", "", 0)})
		require.Equal(t, Outcome{Result: result("a", "", 0)}, out[1])
		require.Equal(t, out[1], commit(t, db, Entry{Result: failed("a", "", 0)})[0])
		counts, err := db.Counts(t.Context(), events.CountQuery{})
		require.NoError(t, err)
		require.Equal(t, []events.Count{{Recipe: "page", Status: events.StatusOK, Count: 1}}, counts.Counts)
	})
	t.Run("keeps times that nanoseconds cannot hold as the nearest they can", func(t *testing.T) {
		db := r.open(t)
		r := result("a", "", 0)
		r.Submitted, r.Finished = time.Time{}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
		out := commit(t, db, Entry{Result: r})
		require.True(t, out[0].Result.Submitted.IsZero())
		require.Equal(t, driver.Latest, out[0].Result.Finished)
		require.Equal(t, out[0].Result, commit(t, db, Entry{Result: r})[0].Result)
	})
	t.Run("refuses an entry that could never be committed, and all with it", func(t *testing.T) {
		db := r.open(t)
		for _, bad := range []Entry{{}, {Result: &events.Result{ID: "a"}}, record("no/name", events.BatchOpen, 0), {Result: result("a", "..", 0)}} {
			_, err := db.Commit(t.Context(), []Entry{{Result: result("good", "", 0)}, bad})
			require.ErrorIs(t, err, ErrEntry)
		}
		page, err := db.Results(t.Context(), events.ResultQuery{})
		require.NoError(t, err)
		require.Empty(t, page.Results)
	})
	t.Run("leaves nothing behind when the transaction fails", func(t *testing.T) {
		url := r.fresh(t)
		db := openAt(t, url)
		r.exec(t, url, r.refuseBoom)
		_, err := db.Commit(t.Context(), []Entry{{Result: result("a", "b1", 0)}, {Result: result("boom", "b1", 1)}})
		require.ErrorContains(t, err, "boom")
		require.True(t, commit(t, db, Entry{Result: result("a", "b1", 0)})[0].New)
		require.EqualValues(t, 1, batchOf(t, db, "b1").OK)
	})
	t.Run("gives up waiting for its turn with its context", func(t *testing.T) {
		db := r.open(t)
		begun, finish := make(chan struct{}), make(chan struct{})
		var other sync.WaitGroup
		other.Go(func() {
			_ = db.database.Write(context.Background(), func(context.Context, driver.Tx) error {
				close(begun)
				<-finish
				return nil
			})
		})
		<-begun
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := db.Commit(ctx, []Entry{{Result: result("a", "", 0)}})
		require.ErrorIs(t, err, ctx.Err())
		close(finish)
		other.Wait()
	})
	t.Run("replaces what is not UTF-8, and refuses an id that is not", func(t *testing.T) {
		db := r.open(t)
		res := result("a", "", 0)
		res.Key, res.Error, res.Value = "k\xff", "\xc3(", json.RawMessage("\"\xfe\"")
		out := commit(t, db, Entry{Result: res})
		require.Equal(t, "k\uFFFD", out[0].Result.Key)
		require.Equal(t, []events.Result{*out[0].Result}, everything(t, db, events.ResultQuery{}))
		_, err := db.Commit(t.Context(), []Entry{{Result: result("a\xff", "", 0)}})
		require.ErrorIs(t, err, ErrEntry)
	})
}

func (r rig) testBatchStates(t *testing.T) {
	const (
		open_  = events.BatchOpen
		close_ = events.BatchClose
		cancel = events.BatchCancel
	)
	item := func(i int) Entry { return Entry{Result: result(fmt.Sprint("item", i), "b", int64(i))} }
	for name, tc := range map[string]struct {
		entries []Entry
		state   events.BatchState
		ended   int64
		total   int64
		told    []string
	}{
		"is open from its first result":                        {[]Entry{item(0)}, events.BatchStateOpen, 1, -1, nil},
		"is closed until all have ended":                       {[]Entry{record("b", open_, 0), item(0), record("b", close_, 2)}, events.BatchStateClosed, 1, 2, nil},
		"is done with its last result":                         {[]Entry{record("b", close_, 2), item(0), item(1), record("b", open_, 0)}, events.BatchStateDone, 2, 2, []string{"batch.b.done"}},
		"is done when closed after its last result":            {[]Entry{item(0), record("b", close_, 1), record("b", close_, 1)}, events.BatchStateDone, 1, 1, []string{"batch.b.done"}},
		"is done at once without items":                        {[]Entry{record("b", close_, 0)}, events.BatchStateDone, 0, 0, []string{"batch.b.done"}},
		"is done when more has ended than was said":            {[]Entry{item(0), item(1), record("b", close_, 1)}, events.BatchStateDone, 2, 1, []string{"batch.b.done"}},
		"goes on when more is submitted after its end":         {[]Entry{item(0), record("b", close_, 1), record("b", close_, 2)}, events.BatchStateClosed, 1, 2, []string{"batch.b.done"}},
		"announces a second end by another id":                 {[]Entry{item(0), record("b", close_, 1), record("b", close_, 2), item(1)}, events.BatchStateDone, 2, 2, []string{"batch.b.done", "batch.b.done.2"}},
		"does not shrink when an older close comes late":       {[]Entry{record("b", close_, 3), record("b", close_, 1), item(0)}, events.BatchStateClosed, 1, 3, nil},
		"is cancelled at once when its total is not known":     {[]Entry{record("b", cancel, 0), item(0)}, events.BatchStateCancelled, 1, -1, []string{"batch.b.cancelled"}},
		"is cancelled when all that is known has ended":        {[]Entry{record("b", close_, 1), record("b", cancel, 0), item(0)}, events.BatchStateCancelled, 1, 1, []string{"batch.b.cancelled"}},
		"waits for what is on its way when cancelled":          {[]Entry{record("b", close_, 2), record("b", cancel, 0), item(0)}, events.BatchStateClosed, 1, 2, nil},
		"stays cancelled when it is closed afterwards":         {[]Entry{record("b", cancel, 0), record("b", close_, 1), item(0)}, events.BatchStateCancelled, 1, 1, []string{"batch.b.cancelled"}},
		"stays done when it is cancelled afterwards":           {[]Entry{record("b", close_, 1), item(0), record("b", cancel, 0)}, events.BatchStateDone, 1, 1, []string{"batch.b.done"}},
		"counts an item once, however often its result comes":  {[]Entry{item(0), item(0), record("b", close_, 2), item(0)}, events.BatchStateClosed, 1, 2, nil},
		"counts an item that another batch had before":         {[]Entry{{Result: result("item0", "other", 0)}, record("b", close_, 1), item(0)}, events.BatchStateDone, 1, 1, []string{"batch.b.done"}},
		"counts an item that had no batch before":              {[]Entry{{Result: result("item0", "", 0)}, record("b", close_, 1), item(0)}, events.BatchStateDone, 1, 1, []string{"batch.b.done"}},
		"counts an item of another batch once":                 {[]Entry{{Result: result("item0", "other", 0)}, item(0), item(0), record("b", close_, 2)}, events.BatchStateClosed, 1, 2, nil},
		"is not touched by results of others without a batch":  {[]Entry{item(0), {Result: result("item0", "", 0)}}, events.BatchStateOpen, 1, -1, nil},
		"is done although its total came after too many items": {[]Entry{item(0), record("b", close_, 1), item(1), record("b", close_, 2)}, events.BatchStateDone, 2, 2, []string{"batch.b.done", "batch.b.done.2"}},
	} {
		t.Run(name, func(t *testing.T) {
			for how, group := range map[string]int{"together": len(tc.entries), "one by one": 1} {
				db := r.open(t)
				for i := 0; i < len(tc.entries); i += group {
					commit(t, db, tc.entries[i:i+group]...)
				}
				b := batchOf(t, db, "b")
				require.Equal(t, tc.state, b.State, how)
				require.Equal(t, tc.ended, b.Ended(), how)
				require.Equal(t, tc.total, b.Total, how)
				require.Equal(t, b.IsFinished(), !b.Finished.IsZero(), how)
				require.Equal(t, tc.told, announced(t, db), how)
			}
		})
	}
}

func (r rig) testOutbox(t *testing.T) {
	db := r.open(t)
	commit(t, db, record("b1", events.BatchClose, 0), record("b2", events.BatchClose, 0))
	<-db.OutboxReady()
	rows, err := db.Outbox(t.Context(), 1)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	var b events.Batch
	require.NoError(t, json.Unmarshal(rows[0].Data, &b))
	require.Equal(t, batchOf(t, db, "b1"), b)
	require.Equal(t, events.TypeBatchDone, rows[0].Type)

	drain := func(most, sent int, answer error) (got []string, n int, err error) {
		n, err = db.DrainOutbox(t.Context(), Announcements, most, func(_ context.Context, rows []OutboxRow) (int, error) {
			for _, o := range rows {
				got = append(got, o.MsgID)
			}
			return sent, answer
		})
		return got, n, err
	}
	_, err = db.DrainOutbox(t.Context(), Notices, 10, func(context.Context, []OutboxRow) (int, error) {
		t.Error("there are no notices")
		return 0, nil
	})
	require.NoError(t, err)
	got, _, err := drain(1, 0, errors.New("the broker is away"))
	require.ErrorContains(t, err, "the broker is away")
	require.Equal(t, []string{"batch.b1.done"}, got)
	got, n, err := drain(2, 1, errors.New("the stream is full"))
	require.ErrorContains(t, err, "full")
	require.Equal(t, 1, n)
	require.Equal(t, []string{"batch.b1.done", "batch.b2.done"}, got, "what was not published comes again")
	require.Equal(t, []string{"batch.b2.done"}, announced(t, db), "what was sent before the fault is not sent again")
	_, n, err = drain(2, 1, nil)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Empty(t, announced(t, db))

	commit(t, db, record("b3", events.BatchOpen, 0))
	require.Empty(t, db.OutboxReady(), "a commit without an end wakes nobody")
}

func (r rig) testExpireBatches(t *testing.T) {
	db := r.open(t)
	commit(t, db, record("open", events.BatchOpen, 0), record("closed", events.BatchClose, 2), record("done", events.BatchClose, 0))
	n, err := db.ExpireBatches(t.Context(), noon, noon.Add(time.Hour))
	require.NoError(t, err)
	require.Zero(t, n, "what changed at the limit is not idle")

	n, err = db.ExpireBatches(t.Context(), noon.Add(time.Second), noon.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, events.BatchStateExpired, batchOf(t, db, "open").State)
	require.Equal(t, noon.Add(time.Hour), batchOf(t, db, "closed").Finished)
	require.Equal(t, events.BatchStateDone, batchOf(t, db, "done").State)
	require.ElementsMatch(t, []string{"batch.done.done", "batch.open.expired", "batch.closed.expired"}, announced(t, db))

	commit(t, db, Entry{Result: result("a", "closed", 0)})
	require.Equal(t, events.BatchStateExpired, batchOf(t, db, "closed").State)
	commit(t, db, Entry{Result: result("b", "closed", 1)})
	require.Equal(t, events.BatchStateDone, batchOf(t, db, "closed").State, "a batch that becomes complete is done after all")
	require.Contains(t, announced(t, db), "batch.closed.done.2")
}
