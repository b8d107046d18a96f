package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/web"
	"github.com/fetchmill/fetchmill/pkg/events"
)

func TestAnswers(t *testing.T) {
	t.Run("are JSON that is not kept and not escaped", func(t *testing.T) {
		w := httptest.NewRecorder()
		web.WriteJSON(w, http.StatusAccepted, map[string]string{"a": "<&>"})
		require.Equal(t, http.StatusAccepted, w.Code)
		require.Equal(t, "application/json", w.Header().Get("Content-Type"))
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		require.Equal(t, `{"a":"<&>"}`+"\n", w.Body.String())
	})

	t.Run("about a problem have the form of RFC 9457", func(t *testing.T) {
		w := httptest.NewRecorder()
		web.WriteProblem(w, web.NewProblem(http.StatusBadRequest, events.ReasonBadInput, "send text"))
		require.Equal(t, http.StatusBadRequest, w.Code)
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
		require.Empty(t, w.Header().Get("Retry-After"))
		require.JSONEq(t, `{"type":"about:blank","title":"Bad Request","status":400,"detail":"send text","reason":"bad_input"}`, w.Body.String())
	})

	t.Run("about what is unavailable say when to come again", func(t *testing.T) {
		w := httptest.NewRecorder()
		p := web.NewProblem(http.StatusServiceUnavailable, "", "the stream is full")
		web.WriteProblemWith(w, p, struct {
			*events.Problem
			NextLine int `json:"next_line"`
		}{p, 7})
		require.Equal(t, "1", w.Header().Get("Retry-After"))
		require.JSONEq(t, `{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"the stream is full","next_line":7}`, w.Body.String())
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, v := range []string{"7", "-1", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon Jan  2 15:04:05 2006", "x"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		d := web.RetryAfter(v, time.Now(), time.Minute)
		require.GreaterOrEqual(t, d, time.Duration(0))
		require.LessOrEqual(t, d, time.Minute)
	})
}
