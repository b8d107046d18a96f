package sink

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// desk is a handler on a new database, with the replies that it sent.
type desk struct {
	*Handler
	db      *store.DB
	replies map[string]string
	log     *records
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{db: openDB(t), replies: map[string]string{}, log: new(records)}
	reply := func(subject string, data []byte) { d.replies[subject] = string(data) }
	d.Handler = NewHandler(d.db, reply, slog.New(slog.NewTextHandler(d.log, nil)))
	return d
}

// one handles one message.
func (d *desk) one(ctx context.Context, m stage.Message) stage.Verdict {
	return d.Handle(ctx, []stage.Message{m})[0]
}

func TestHandler(t *testing.T) {
	ctx := context.Background()
	t.Run("announces what it has committed", func(t *testing.T) {
		d := newDesk(t)
		r := result("a", "b1")
		m := message(t, r)
		m.Header[events.HeaderTraceParent] = "00-trace"
		v := d.one(ctx, m)
		require.Equal(t, stage.OutcomeDone, v.Outcome)
		require.Len(t, v.Publish, 1)
		out := v.Publish[0]
		require.Equal(t, "done.page", out.Subject)
		require.Equal(t, "a.done", out.Header[events.HeaderMsgID])
		require.Equal(t, events.TypeResult, out.Header[events.HeaderType])
		require.Equal(t, "/fetchmill/sink", out.Header[events.HeaderSource])
		require.Equal(t, "00-trace", out.Header[events.HeaderTraceParent])
		require.Contains(t, string(out.Data), "a&b=<c>", "what needs no escaping is not escaped")
		got, err := events.DecodeResult(out.Data)
		require.NoError(t, err)
		require.Equal(t, r, got)
		require.Equal(t, []events.Result{*r}, stored(t, d.db))
	})
	t.Run("announces of a duplicate what is stored", func(t *testing.T) {
		d := newDesk(t)
		first := d.one(ctx, message(t, result("a", "")))
		other := result("a", "")
		other.Status, other.Reason = events.StatusFailed, events.ReasonTimeout
		require.Equal(t, first, d.one(ctx, message(t, other)))
	})
	t.Run("takes batch records", func(t *testing.T) {
		d := newDesk(t)
		v := d.one(ctx, message(t, &events.BatchRecord{Batch: "b1", Action: events.BatchClose, Total: 0, At: noon}))
		require.Equal(t, stage.Done(stage.OutcomeDone), v)
		page, err := d.db.Batches(ctx, events.BatchQuery{Batch: "b1"})
		require.NoError(t, err)
		require.Equal(t, events.BatchStateDone, page.Batches[0].State)
	})
	t.Run("knows a message without a type by its subject", func(t *testing.T) {
		d := newDesk(t)
		m := message(t, &events.BatchRecord{Batch: "b1", Action: events.BatchOpen, At: noon})
		m.Header = nil
		require.Equal(t, stage.OutcomeDone, d.one(ctx, m).Outcome)
		m = message(t, result("a", ""))
		m.Header = nil
		require.Equal(t, stage.OutcomeDone, d.one(ctx, m).Outcome)
		require.Len(t, stored(t, d.db), 1)
	})
	t.Run("replies to whoever waits, but not on subjects of others", func(t *testing.T) {
		d := newDesk(t)
		m := message(t, result("a", ""))
		for subject, sent := range map[string]bool{
			"_INBOX.x.1": true, "work.page": false, "$JS.API.STREAM.DELETE.WORK": false, "result.page": false, "a b": false, "a.>": false, "*": false,
		} {
			m.Header[events.HeaderReply] = subject
			v := d.one(ctx, m)
			require.Equal(t, stage.OutcomeDone, v.Outcome)
			require.Equal(t, sent, d.replies[subject] == string(v.Publish[0].Data), subject)
		}
		require.Len(t, d.replies, 1)
		require.Contains(t, d.log.String(), "reply refused")
	})
	t.Run("puts right what would spoil searches", func(t *testing.T) {
		d := newDesk(t)
		r := result("a", "")
		r.Reason, r.Error = events.ReasonDNS, "left over"
		d.one(ctx, message(t, r))
		r = result("b", "")
		r.Status, r.Reason, r.Error = events.StatusFailed, "out of paper", "tray 2"
		d.one(ctx, message(t, r))
		got := stored(t, d.db)
		require.Empty(t, string(got[0].Reason)+got[0].Error)
		require.Equal(t, events.ReasonInternal, got[1].Reason)
		require.Equal(t, `reason "out of paper" is not on the list: tray 2`, got[1].Error)
	})
	t.Run("hands back what it could not commit in time", func(t *testing.T) {
		db := &troubled{DB: openDB(t), failures: 1 << 30}
		h := NewHandler(db, nil, slog.New(slog.DiscardHandler))
		ended, cancel := context.WithCancel(ctx)
		cancel()
		list := []stage.Message{message(t, result("a", "")), message(t, result("b", ""))}
		require.Equal(t, []stage.Verdict{stage.Again(0), stage.Again(0)}, h.Handle(ended, list))
	})
	t.Run("commits together what is there together, and rejects only what cannot be read", func(t *testing.T) {
		db := &troubled{DB: openDB(t)}
		h := NewHandler(db, nil, slog.New(slog.DiscardHandler))
		bad := message(t, result("bad", ""))
		bad.Data = []byte("{")
		list := []stage.Message{message(t, result("a", "")), bad, message(t, result("b", "")), message(t, result("a", ""))}
		verdicts := h.Handle(ctx, list)
		require.Equal(t, []int{3}, db.groups)
		require.Equal(t, "a.done", verdicts[0].Publish[0].Header[events.HeaderMsgID])
		require.Equal(t, stage.OutcomeRejected, verdicts[1].Outcome)
		require.Equal(t, "b.done", verdicts[2].Publish[0].Header[events.HeaderMsgID])
		require.Equal(t, verdicts[0].Publish[0].Header, verdicts[3].Publish[0].Header)
		require.Len(t, stored(t, db.DB), 2)
	})
	t.Run("tries again until the database takes it", func(t *testing.T) {
		var log records
		db := &troubled{DB: openDB(t), failures: 2}
		h := NewHandler(db, nil, slog.New(slog.NewTextHandler(&log, nil)))
		require.Equal(t, stage.OutcomeDone, h.Handle(ctx, []stage.Message{message(t, result("a", ""))})[0].Outcome)
		require.Contains(t, log.String(), "disk is full")
		require.Contains(t, log.String(), "retry_in=100ms")
	})
	t.Run("counts once what was committed although the answer was lost", func(t *testing.T) {
		db := &troubled{DB: openDB(t), failures: 1, after: true}
		h := NewHandler(db, nil, slog.New(slog.DiscardHandler))
		require.Equal(t, stage.OutcomeDone, h.Handle(ctx, []stage.Message{message(t, result("a", ""))})[0].Outcome)
		require.Len(t, stored(t, db.DB), 1)
	})
}

func TestHandlerRejects(t *testing.T) {
	ctx := context.Background()
	id := events.IDFromKey("x")
	for name, tc := range map[string]struct {
		subject, msgID, kind, data string
		row                        string // id of the failed result
		batch                      string
	}{
		"what is no JSON":                              {"result.page", "foreign", events.TypeResult, "\x00\xff", "", ""},
		"an unknown type about nobody":                 {"result.page", "", "com.example", `{}`, "", ""},
		"a batch record without action":                {events.SubjectBatchRecord, "", events.TypeBatch, `{"batch":"b1"}`, "", ""},
		"a result for a recipe that cannot be":         {"result.a.b", id + ".sink", events.TypeResult, `{`, "", ""},
		"no JSON, and ends the item of the message id": {"result.page", id + ".sink", events.TypeResult, "{", id, ""},
		"a wrong field, and ends the item in its batch": {
			"result.page", "", events.TypeResult, `{"id":"a","recipe":"page","batch":"b1","index":3,"key":"k","status":"ok","attempts":"many"}`, "a", "b1",
		},
		"a result without status, and ends its item": {"result.page", "", events.TypeResult, `{"id":"a","recipe":"page"}`, "a", ""},
		"an item, and ends it":                       {"result.page", "", events.TypeItem, `{"id":"a","recipe":"page","batch":"no/name"}`, "a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			m := stage.Message{
				Subject: tc.subject, Seq: 7, Stored: noon, Data: []byte(tc.data),
				Header: map[string]string{events.HeaderType: tc.kind, events.HeaderMsgID: tc.msgID, events.HeaderReply: "_INBOX.1"},
			}
			v := d.one(ctx, m)
			require.Equal(t, stage.OutcomeRejected, v.Outcome)
			dead := v.Publish[0]
			require.Equal(t, "dead.sink._", dead.Subject)
			require.Equal(t, tc.data, string(dead.Data))
			require.Equal(t, tc.subject, dead.Header[events.HeaderDeadSubject])
			require.Equal(t, string(events.ReasonUndecodable), dead.Header[events.HeaderDeadReason])
			require.NotEmpty(t, dead.Header[events.HeaderDeadError])
			require.Equal(t, tc.row, dead.Header[events.HeaderDeadItem])
			require.Equal(t, dead.Header[events.HeaderMsgID], d.one(ctx, m).Publish[0].Header[events.HeaderMsgID], "a redelivery makes no second letter")
			small := v.Smaller()
			require.Len(t, small.Publish, len(v.Publish))
			require.Empty(t, small.Publish[0].Data, "a letter that the broker finds too large still says why")
			require.Equal(t, dead.Header[events.HeaderDeadError], small.Publish[0].Header[events.HeaderDeadError])
			require.Equal(t, v.Publish[1:], small.Publish[1:])
			if tc.row == "" {
				require.Len(t, v.Publish, 1)
				require.Empty(t, stored(t, d.db))
				return
			}
			require.Equal(t, "done.page", v.Publish[1].Subject)
			require.Equal(t, string(v.Publish[1].Data), d.replies["_INBOX.1"])
			got := stored(t, d.db)
			require.Len(t, got, 1)
			require.Equal(t, tc.row, got[0].ID)
			require.Equal(t, tc.batch, got[0].Batch)
			require.Equal(t, events.StatusFailed, got[0].Status)
			require.Equal(t, events.ReasonUndecodable, got[0].Reason)
		})
	}
}

func FuzzHandler(f *testing.F) {
	d := newDesk(f)
	good, err := json.Marshal(result("a", "b1"))
	require.NoError(f, err)
	f.Add(events.TypeResult, "result.page", "a.sink", good)
	f.Add(events.TypeBatch, "result._batch", "", []byte(`{"batch":"b1","action":"close","total":3}`))
	f.Add("", "result.page", events.IDFromKey("x")+".sink", []byte(`{"id":7}`))
	f.Add(events.TypeResult, "result.page", "", []byte(`{"id":"a","recipe":"page","status":"ok","value":null,"batch":"..","submitted":"0001-01-01T00:00:00+23:59"}`))
	f.Fuzz(func(t *testing.T, kind, subject, msgID string, data []byte) {
		m := stage.Message{Subject: subject, Data: data, Seq: 1, Stored: noon, Header: map[string]string{events.HeaderType: kind, events.HeaderMsgID: msgID}}
		v := d.one(context.Background(), m)
		require.NotEqual(t, stage.OutcomeRetry, v.Outcome, "a message that is handed back for ever blocks its stream")
		for _, out := range v.Publish {
			require.NotEmpty(t, out.Header[events.HeaderMsgID])
			require.False(t, strings.ContainsAny(out.Subject, " *>\x00"), out.Subject)
			for name, value := range out.Header {
				require.False(t, name != events.HeaderDeadSubject && strings.ContainsAny(value, "\r\n"), "%s: %q", name, value)
			}
			if out.Header[events.HeaderType] == events.TypeResult {
				_, err := events.DecodeResult(out.Data)
				require.NoError(t, err)
			}
		}
	})
}
