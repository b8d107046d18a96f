package stage_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestDeadLetter(t *testing.T) {
	letter := stage.DeadLetter{
		Stage: events.StageFetch, Recipe: "page", Item: "k1", Key: "http://h/\x1b[2J", Reason: events.ReasonHTTPStatus,
		Err: errors.New("status 404\nnot found"), MsgID: "k1.dead",
	}
	original := stage.Message{
		Subject: "fetch.normal.http.get", Data: []byte(strings.Repeat("x", 3000)),
		Header: map[string]string{"X-Mine": strings.Repeat("y", 1000), "nats-rollup": "all", "Fetchmill-Reply": "r", events.HeaderTraceParent: "t"},
	}

	t.Run("has the original bytes, the user's headers, and why", func(t *testing.T) {
		out := letter.Outgoing(original)
		require.Equal(t, "dead.fetch.page", out.Subject)
		require.Equal(t, original.Data, out.Data)
		require.Equal(t, map[string]string{
			"X-Mine": original.Header["X-Mine"], "traceparent": "t", "Nats-Msg-Id": "k1.dead",
			"fetchmill-stage": "fetch", "fetchmill-reason": "http_status", "fetchmill-error": "status 404 not found",
			"fetchmill-subject": "fetch.normal.http.get", "fetchmill-item": "k1", "fetchmill-key": "http://h/ [2J",
		}, out.Header)
	})

	t.Run("that fits is whole", func(t *testing.T) {
		require.Equal(t, letter.Outgoing(original), letter.Within(original, 10_000))
	})

	t.Run("that does not fit loses headers first, and then data, and says so", func(t *testing.T) {
		out := letter.Within(original, 4096)
		require.NotContains(t, out.Header, "X-Mine")
		require.Equal(t, original.Data, out.Data)
		require.Contains(t, out.Header[events.HeaderDeadError], "3000 bytes did not fit")

		out = letter.Within(original, 2048)
		require.NotEmpty(t, out.Data)
		require.Less(t, len(out.Data), 2048)
		require.Empty(t, letter.Within(original, 10).Data)
	})

	t.Run("for a broker that takes no more has only why", func(t *testing.T) {
		out := letter.Bare(original)
		require.Empty(t, out.Data)
		require.NotContains(t, out.Header, "X-Mine")
		require.Equal(t, "t", out.Header["traceparent"])
		require.Equal(t, "http_status", out.Header["fetchmill-reason"])
	})
}

func TestOneLine(t *testing.T) {
	require.Equal(t, "a b", stage.OneLine(" a\nb\r\n"))
	require.Equal(t, "a b c d", stage.OneLine("a\nb\rc\x7fd"))
	require.Equal(t, "a\ufffdb", stage.OneLine("a\xffb"))
	long := stage.OneLine(strings.Repeat("ä", 5000))
	require.LessOrEqual(t, len(long), 2100)
	require.True(t, utf8.ValidString(long))
	require.True(t, strings.HasSuffix(long, "ä…"))
	require.Equal(t, "ä", stage.Shorten("äö", 3))
}
