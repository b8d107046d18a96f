package events_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/pkg/events"
)

func fullNotice() *events.Notice {
	return &events.Notice{
		ID: "n0GJ6SJO7H0O3I9EK6QJ6T7J5O8", Kind: events.NoticeResolved, Channel: "ops-mail", What: "Shop", Group: "web", Owner: "Ada Example",
		URL: "https://shop.example.com/", Cause: "status 503", Since: submitted, DurationMS: 3295876,
		Facts: map[string]string{"status": "200", "elapsed_ms": "48.25"}, At: deadline,
	}
}

func leastNotice() *events.Notice {
	return &events.Notice{ID: "n1", Kind: events.NoticeTest, Channel: "ops", What: "a test", At: submitted}
}

func TestNotice(t *testing.T) {
	t.Run("what is read equals what was written", func(t *testing.T) {
		for _, n := range []*events.Notice{fullNotice(), leastNotice()} {
			data, err := n.Encode()
			require.NoError(t, err)
			got, err := events.DecodeNotice(data)
			require.NoError(t, err)
			require.Equal(t, n, got)
		}
		require.Equal(t, 3295876*time.Millisecond, fullNotice().Duration())
	})
	t.Run("a kind of a later version can be read", func(t *testing.T) {
		n := leastNotice()
		n.Kind = "window_late"
		data, err := n.Encode()
		require.NoError(t, err)
		_, err = events.DecodeNotice(data)
		require.NoError(t, err)
	})
	for fault, change := range map[string]func(*events.Notice){
		"no id":                  func(n *events.Notice) { n.ID = "" },
		"an id with a line end":  func(n *events.Notice) { n.ID = "a\r\nb" },
		"no kind":                func(n *events.Notice) { n.Kind = "" },
		"a kind with a space":    func(n *events.Notice) { n.Kind = "very down" },
		"no channel":             func(n *events.Notice) { n.Channel = "" },
		"a channel of two parts": func(n *events.Notice) { n.Channel = "a.b" },
		"about nothing":          func(n *events.Notice) { n.What = "" },
		"no time":                func(n *events.Notice) { n.At = time.Time{} },
		"a time without end":     func(n *events.Notice) { n.At = time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC) },
		"a negative duration":    func(n *events.Notice) { n.DurationMS = -1 },
	} {
		t.Run("cannot be written with: "+fault, func(t *testing.T) {
			n := fullNotice()
			change(n)
			_, err := n.Encode()
			require.ErrorIs(t, err, events.ErrRecord)
		})
	}
	t.Run("cannot be read from what is no notice", func(t *testing.T) {
		for _, data := range []string{"", "null", "[]", "{}", `{"id":1}`} {
			_, err := events.DecodeNotice([]byte(data))
			require.ErrorIs(t, err, events.ErrRecord, data)
		}
	})
}

func TestNoticeID(t *testing.T) {
	t.Run("is the same for the same", func(t *testing.T) {
		require.Equal(t, "n77LA9BG5MQCOMR6KAVCJGNCRQG", events.NoticeID("ops", events.NoticeDown, "shop", "17"), "it stands in streams and at receivers")
	})
	t.Run("differs where anything does", func(t *testing.T) {
		seen := map[string]bool{}
		for _, id := range []string{
			events.NoticeID("ops", events.NoticeDown, "shop", "17"), events.NoticeID("ops", events.NoticeDown, "shop1", "7"),
			events.NoticeID("ops", events.NoticeDown, "shop"), events.NoticeID("ops", events.NoticeDown, "shop", ""),
			events.NoticeID("ops", events.NoticeStillDown, "shop", "17"), events.NoticeID("opsdown", "", "shop", "17"),
		} {
			require.False(t, seen[id])
			require.NoError(t, (&events.Notice{ID: id, Kind: "x", Channel: "x", What: strings.Repeat("x", 9), At: submitted}).Validate())
			seen[id] = true
		}
	})
}

func FuzzDecodeNotice(f *testing.F) {
	seed(f, "notice.v1.*.json")
	f.Add([]byte(`{"id":"n1","kind":"down","channel":"ops","what":"a","facts":{"a":"\ud800"},"at":"0001-01-01T00:00:00+23:59"}`))
	f.Fuzz(func(t *testing.T, data []byte) { readsBack(t, events.DecodeNotice, data) })
}
