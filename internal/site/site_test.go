package site_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/internal/site"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func get(ctx context.Context, url string) (int, string, error) {
	tr := &http.Transport{DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func TestSite(t *testing.T) {
	s, err := site.Start(t.Context())
	require.NoError(t, err)
	defer s.Close()

	for path, want := range map[string]int{
		"/fast/1": 200, "/slow/1?ms=1": 200, "/delay?ms=0": 200, "/missing/1": 404, "/fail/1": 500, "/json/7": 200, "/size/10": 200,
		"/elsewhere": 404, "/slow/1?ms=x": 400, "/delay?ms=-1": 400, "/size/-1": 400, "/size/99999999999": 400,
	} {
		status, _, err := get(t.Context(), s.URL+path)
		require.NoError(t, err, path)
		require.Equal(t, want, status, path)
	}

	_, body, err := get(t.Context(), s.URL+"/size/12345")
	require.NoError(t, err)
	require.Len(t, body, 12345)
	_, body, err = get(t.Context(), s.URL+"/fast/<b>")
	require.NoError(t, err)
	require.NotContains(t, body, "<b>")
	_, body, err = get(t.Context(), s.URL+"/json/8")
	require.NoError(t, err)
	require.JSONEq(t, `{"n":8,"name":"object 8","tags":["a","b"],"even":true}`, body)
	require.True(t, json.Valid([]byte(body)))

	for _, want := range []int{503, 503, 200, 200} {
		status, _, err := get(t.Context(), s.URL+"/flaky/1")
		require.NoError(t, err)
		require.Equal(t, want, status)
	}

	began := time.Now()
	_, _, err = get(t.Context(), s.URL+"/delay?ms=30")
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(began), 30*time.Millisecond)

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, _, err = get(ctx, s.URL+"/hang/1")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestCloseEndsRequestsThatHang(t *testing.T) {
	s, err := site.Start(t.Context())
	require.NoError(t, err)
	hanging := make(chan error, 1)
	go func() {
		_, _, err := get(context.WithoutCancel(t.Context()), s.URL+"/hang/1")
		hanging <- err
	}()
	_, _, err = get(t.Context(), s.URL+"/fast/1")
	require.NoError(t, err)
	s.Close()
	require.Error(t, <-hanging)
}
