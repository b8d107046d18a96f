package host

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// serve serves h and returns its URL, an end to intake, and where Serve's error arrives.
func serve(t *testing.T, work context.Context, h http.Handler) (url string, stop func(), ended chan error) {
	t.Helper()
	ln, err := Listen(t.Context(), "127.0.0.1:0", "--http-addr")
	require.NoError(t, err)
	intake, cancel := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	go func() { ended <- Serve(intake, work, ln, h) }()
	return "http://" + ln.Addr().String(), cancel, ended
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, Proxy: nil}}
	resp, err := c.Get(url)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(b)
}

func TestHealth(t *testing.T) {
	var h Health
	var fault error
	h.Add("broker", func(context.Context) error { return fault })
	mux := http.NewServeMux()
	h.Register(mux, NewMetrics())
	url, stop, ended := serve(t, t.Context(), mux)

	status, body := get(t, url+"/readyz")
	require.Equal(t, 200, status)
	require.JSONEq(t, `{"status":"ready"}`, body)
	status, _ = get(t, url+"/healthz")
	require.Equal(t, 200, status)
	status, body = get(t, url+"/metrics")
	require.Equal(t, 200, status)
	require.Contains(t, body, "go_goroutines")

	fault = errors.New("not connected")
	status, body = get(t, url+"/readyz")
	require.Equal(t, 503, status)
	require.JSONEq(t, `{"status":"failing","failing":{"broker":"not connected"}}`, body)
	status, _ = get(t, url+"/healthz")
	require.Equal(t, 200, status, "a broker that is away is no reason to restart the service")

	fault = nil
	h.Drain()
	status, body = get(t, url+"/readyz")
	require.Equal(t, 503, status)
	require.JSONEq(t, `{"status":"draining"}`, body)

	stop()
	require.NoError(t, <-ended)
}

func TestListen(t *testing.T) {
	ln, err := Listen(t.Context(), ":0", "--http-addr")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	require.Contains(t, ln.Addr().String(), "127.0.0.1:", "an address without a host is the loopback address")

	_, err = Listen(t.Context(), ln.Addr().String(), "--http-addr")
	require.ErrorIs(t, err, ErrListen)
	require.ErrorContains(t, err, "choose another with --http-addr")
	_, err = Listen(t.Context(), "127.0.0.1", "--http-addr")
	require.ErrorIs(t, err, ErrListen)
	require.ErrorContains(t, err, "check --http-addr")
}

func TestServe(t *testing.T) {
	t.Run("lets a running request finish after intake has ended", func(t *testing.T) {
		entered, release := make(chan struct{}), make(chan struct{})
		url, stop, ended := serve(t, t.Context(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(entered)
			<-release
			_, _ = io.WriteString(w, "done")
		}))
		go func() {
			<-entered
			stop()
			close(release)
		}()
		_, body := get(t, url)
		require.Equal(t, "done", body)
		require.NoError(t, <-ended)
	})
	t.Run("ends requests when work ends", func(t *testing.T) {
		work, hurry := context.WithCancel(t.Context())
		entered := make(chan struct{})
		url, stop, ended := serve(t, work, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done()
		}))
		got := make(chan struct{})
		go func() {
			defer close(got)
			c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			if resp, err := c.Get(url); err == nil {
				_ = resp.Body.Close()
			}
		}()
		<-entered
		stop()
		hurry()
		require.NoError(t, <-ended)
		<-got
	})
}

func TestSignals(t *testing.T) {
	ch := make(chan os.Signal)
	exited := make(chan int, 1)
	intake, work, stop := follow(t.Context(), ch, func(code int) { exited <- code })
	defer stop()
	require.NoError(t, intake.Err())

	ch <- os.Interrupt
	<-intake.Done()
	require.NoError(t, work.Err(), "the first signal only ends intake")
	ch <- syscall.SIGTERM
	<-work.Done()
	ch <- os.Interrupt
	select {
	case code := <-exited:
		require.Equal(t, 130, code)
	case <-time.After(patience):
		t.Fatal("the third signal did not exit")
	}
}

func TestSignalsOfTheProcess(t *testing.T) {
	intake, work, stop := Signals(t.Context())
	p, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	require.NoError(t, p.Signal(syscall.SIGTERM))
	<-intake.Done()
	require.NoError(t, work.Err())
	stop()
	require.Error(t, work.Err())
}
