package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// told is a receiver of webhooks that keeps the notices it was sent, by kind.
type told struct {
	*httptest.Server
	broken   atomic.Bool
	refusing atomic.Bool
	mu       sync.Mutex
	list     map[events.NoticeKind][]events.Notice
}

func newTold(t *testing.T) *told {
	t.Helper()
	reader, err := standardwebhooks.NewWebhook(hookSecret)
	require.NoError(t, err)
	r := &told{list: map[events.NoticeKind][]events.Notice{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		var b struct{ Data events.Notice }
		switch {
		case r.broken.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.refusing.Load():
			w.WriteHeader(http.StatusUnprocessableEntity)
		case err != nil || reader.Verify(body, req.Header) != nil || json.Unmarshal(body, &b) != nil:
			w.WriteHeader(http.StatusUnauthorized)
		default:
			r.mu.Lock()
			defer r.mu.Unlock()
			r.list[b.Data.Kind] = append(r.list[b.Data.Kind], b.Data)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *told) of(kind events.NoticeKind) []events.Notice {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]events.Notice(nil), r.list[kind]...)
}

// desk is where people are told: receivers, and the file of channels that lead there.
type desk struct {
	ops   *told
	phone chan string // titles of what ntfy got
	file  string
}

func newDesk(t *testing.T) desk {
	t.Helper()
	d := desk{ops: newTold(t), phone: make(chan string, 10), file: filepath.Join(t.TempDir(), "channels.yaml")}
	ntfy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.phone <- r.Header.Get("Title")
		_, _ = w.Write([]byte(`{"id":"1"}`))
	}))
	t.Cleanup(ntfy.Close)
	require.NoError(t, os.WriteFile(d.file, []byte(`
channels:
  ops:
    webhook: {url: "`+d.ops.URL+`", key: "`+hookSecret+`"}
  phone:
    shoutrrr: {url: "ntfy://`+ntfy.Listener.Addr().String()+`/topic?scheme=http"}
batch_done:
  - {channels: [ops], recipes: [count]}
dead_letters: {channels: [ops], at: 1}
`), 0o600))
	return d
}

func TestNotices(t *testing.T) {
	d := newDesk(t)
	testNotices(t, up(t, t.TempDir(), append([]string{"--channels", d.file}, local...)...), d)
}

// testNotices is about people who are told.
func testNotices(t *testing.T, m *mill, d desk) {
	ops, phone := d.ops, d.phone
	before := len(ops.of(events.NoticeBatchDone)) // of other tests on the same mill
	ended := func(name string) func() bool {
		return func() bool {
			return slices.ContainsFunc(ops.of(events.NoticeBatchDone)[before:], func(n events.Notice) bool { return n.What == name })
		}
	}
	t.Run("a test message arrives through a webhook, and through shoutrrr", func(t *testing.T) {
		require.Contains(t, m.run(t, "notices", "test", "ops").stderr, "has taken a test message")
		require.NotEmpty(t, ops.of(events.NoticeTest))
		require.Zero(t, m.run(t, "notices", "test", "phone").status)
		require.Equal(t, "TEST: phone", <-phone)
	})
	t.Run("a channel that there is not is told, with those that there are", func(t *testing.T) {
		r := m.run(t, "notices", "test", "nobody")
		require.Equal(t, 1, r.status)
		require.Contains(t, r.stderr, "there are ops, phone")
	})
	t.Run("the end of a batch is told", func(t *testing.T) {
		m.ok(t, "submit", "count", "10", "20", "--batch", "monday", "--wait")
		require.Eventually(t, ended("monday"), patience, tick)
		require.Equal(t, "2", ops.of(events.NoticeBatchDone)[before].Facts["ok"])
	})
	t.Run("who submits can ask to be told", func(t *testing.T) {
		m.ok(t, "submit", "count", "30", "--batch", "tuesday", "--notify", "phone", "--wait")
		require.Equal(t, "BATCH done: tuesday", <-phone)
	})
	t.Run("a channel that is down is seen, and takes what waits when it is back", func(t *testing.T) {
		ops.broken.Store(true)
		m.ok(t, "submit", "count", "40", "--batch", "wednesday", "--wait")
		require.Eventually(t, func() bool {
			var list []events.ChannelStatus
			require.NoError(t, json.Unmarshal([]byte(m.ok(t, "notices", "channels", "-o", "json")), &list))
			return len(list) == 2 && list[0].Channel == "ops" && list[0].Waiting > 0 && list[0].LastError != ""
		}, patience, tick)
		require.Contains(t, m.run(t, "notices", "test", "ops").stderr, "status 503")
		ops.broken.Store(false)
		require.Zero(t, m.run(t, "notices", "test", "ops").status) // it need not wait for the next attempt
		require.Eventually(t, ended("wednesday"), patience, tick)
	})
	t.Run("a notice that was refused is a dead letter, and is sent when that is replayed", func(t *testing.T) {
		ops.refusing.Store(true)
		m.ok(t, "submit", "count", "50", "--batch", "thursday", "--wait")
		letters := func() string { return m.ok(t, "dead", "ls", "--stage", "notice", "--recipe", "ops", "-o", "ndjson") }
		require.Eventually(t, func() bool { return strings.Contains(letters(), "thursday") }, patience, tick)
		require.False(t, ended("thursday")())
		ops.refusing.Store(false)
		m.ok(t, "dead", "replay", "--all", "--stage", "notice")
		require.Eventually(t, ended("thursday"), patience, tick)
		require.Empty(t, letters())
	})
}
