package sink

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const minutes = `{"size_ms":60000,"lateness_ms":10000,"idle_ms":30000,"reduce":[{"name":"total","op":"sum","of":"value"}]}`

// clicked is a result that goes into windows of a minute.
func clicked(id string, happened time.Time) *events.Result {
	r := result(id, "")
	r.Value, r.Time, r.Window = json.RawMessage("3"), happened, json.RawMessage(minutes)
	return r
}

func TestWindows_close_by_the_clock_while_the_broker_can_be_heard(t *testing.T) {
	db := openDB(t)
	began := time.Now()
	_, err := db.Commit(context.Background(), []store.Entry{{Result: clicked("a", began)}})
	require.NoError(t, err)
	metrics := prometheus.NewRegistry()
	var connected, later atomic.Bool
	var looks atomic.Int64
	x, err := NewWindows(db, func() bool { looks.Add(1); return connected.Load() }, func() time.Time {
		if later.Load() {
			return began.Add(time.Hour)
		}
		return began
	}, metrics, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	x.every = time.Millisecond
	start(t, x.Run)
	looked := func(times int64) {
		from := looks.Load()
		require.Eventually(t, func() bool { return looks.Load() >= from+times }, time.Minute, time.Millisecond)
	}
	looked(5)
	later.Store(true)
	looked(5)
	require.Zero(t, outboxRows(t, db), "while nothing can come, silence says nothing")
	connected.Store(true)
	looked(5)
	require.Zero(t, outboxRows(t, db), "it has listened for no time yet")
	x2, err := NewWindows(db, func() bool { return true }, time.Now, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.NoError(t, x2.all(t.Context(), began.Add(2*time.Hour), began.Add(time.Hour)))
	require.Equal(t, 1, outboxRows(t, db))

	_, err = db.Commit(context.Background(), []store.Entry{{Result: clicked("b", began)}})
	require.NoError(t, err)
	gathered, err := metrics.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, family := range gathered {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue()
		}
	}
	require.Equal(t, map[string]float64{
		"fetchmill_sink_window_results_total counted": 1, "fetchmill_sink_window_results_total late": 1,
		"fetchmill_sink_window_results_total skipped": 0, "fetchmill_sink_windows_closed_total": 1,
	}, got)
}

func TestWindows_can_be_asked_for(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	d := newDesk(t)
	v := d.one(t.Context(), message(t, clicked("a", noon)))
	require.NotContains(t, string(v.Publish[0].Data), "window", "what is announced is what is stored")
	require.NotContains(t, string(v.Publish[0].Data), `"time"`)
	q, base := serve(t, d.db)
	_, body := get(t, base+"/v1/windows?state=open&recipe=page", "")
	require.Contains(t, body, `"state":"open"`)
	_, body = get(t, base+"/v1/windows?state=open", "")
	var page events.WindowPage
	require.NoError(t, json.Unmarshal([]byte(body), &page))
	require.Len(t, page.Windows, 1)
	require.Len(t, page.Streams, 1)
	_, body = get(t, base+"/v1/windows/"+page.Windows[0].ID, "")
	var detail events.WindowDetail
	require.NoError(t, json.Unmarshal([]byte(body), &detail))
	require.Equal(t, "3", string(detail.Reduced[0].Value))
	require.EqualValues(t, 1, detail.Stream.Counted)
	for path, want := range map[string]string{
		"/v1/windows/999999": "no such window", "/v1/windows/x": "is not that of a window", "/v1/windows?keys=a": "not known here", "/v1/windows/1?a=b": "not known here",
	} {
		resp, body := get(t, base+path, "")
		require.NotEqual(t, http.StatusOK, resp.StatusCode, path)
		require.Contains(t, body, want, path)
	}
	data, problem := q.Answer(t.Context(), events.SubjectQueryWindow, []byte(`{"id":"`+page.Windows[0].ID+`"}`))
	require.Nil(t, problem)
	require.JSONEq(t, bodyOf(t, base+"/v1/windows/"+page.Windows[0].ID), string(data))
	data, problem = q.Answer(t.Context(), events.SubjectQueryWindows, []byte(`{"state":"open"}`))
	require.Nil(t, problem)
	require.True(t, strings.HasPrefix(string(data), `{"windows":[{"id":`))
}

func bodyOf(t *testing.T, address string) string {
	t.Helper()
	_, body := get(t, address, "")
	return body
}

func TestAnnounced_without_what_is_for_the_sink_only(t *testing.T) {
	full := clicked("a", noon)
	full.Reduce = json.RawMessage(spec)
	onlyTime := result("b", "")
	onlyTime.Time = noon.Add(time.Millisecond)
	onlyReduce := result("c", "")
	onlyReduce.Reduce = json.RawMessage(spec)
	for _, r := range []*events.Result{full, onlyTime, onlyReduce, result("d", "")} {
		data, err := r.Encode()
		require.NoError(t, err)
		bare := *r
		bare.Reduce, bare.Window, bare.Time = nil, nil, time.Time{}
		want, err := bare.Encode()
		require.NoError(t, err)
		before := string(data)
		got, ok := asAnnounced(data, r)
		require.True(t, ok)
		require.Equal(t, string(want), string(got))
		require.Equal(t, before, string(data), "the message itself is left as it was")
	}
	_, ok := asAnnounced([]byte(`{"window":{},"id":"a"}`), full)
	require.False(t, ok, "a worker that writes its fields in another order")
}
