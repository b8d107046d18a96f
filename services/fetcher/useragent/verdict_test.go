package useragent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/netguard"
	"github.com/fetchmill/fetchmill/internal/porttest"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// raw is a server that reads a request's header and answers with bytes of its own.
func raw(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			answer(c)
			c.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

func says(text string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, text) }
}

func TestGet_tells_failures_of_the_connection_apart(t *testing.T) {
	a := agent(t)
	closed := porttest.FreeAddress(t)
	reset := func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }
	flood := "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Flood: "+strings.Repeat("x", 1000)+"\r\n", 1000) + "\r\n"
	for _, c := range []struct {
		name, url string
		reason    events.Reason
		temporary bool
	}{
		{"nobody listens", "http://" + closed, events.ReasonConnect, true},
		{"closed without an answer", raw(t, says("")), events.ReasonConnect, true},
		{"reset", raw(t, reset), events.ReasonConnect, true},
		{"cut off in the header", raw(t, says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n")), events.ReasonConnect, true},
		{"cut off in the body", raw(t, says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")), events.ReasonConnect, true},
		{"cut off in a chunk", raw(t, says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\nabc")), events.ReasonConnect, true},
		{"not HTTP", raw(t, says("SSH-2.0-OpenSSH_9.9\r\n")), events.ReasonProtocol, true},
		{"long and not HTTP", raw(t, says(strings.Repeat("\xff\x00", 50_000)+"\r\n")), events.ReasonProtocol, true},
		{"bad header", raw(t, says("HTTP/1.1 200 OK\r\nno colon\r\n\r\n")), events.ReasonProtocol, true},
		{"bad chunk", raw(t, says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")), events.ReasonProtocol, true},
		{"two lengths", raw(t, says("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na")), events.ReasonProtocol, true},
		{"header flood", raw(t, says(flood)), events.ReasonTooLarge, false},
		{"loopback by another name", "http://127.0.0.2/", events.ReasonForbiddenTarget, false},
		{"plain HTTP where TLS is expected", strings.Replace(raw(t, says("HTTP/1.1 400 Bad Request\r\n\r\n")), "http", "https", 1), events.ReasonTLS, false},
		{"closed in the handshake", strings.Replace(raw(t, says("")), "http", "https", 1), events.ReasonConnect, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := get(t, a, c.url)
			fails(t, err, c.reason, c.temporary)
			require.NotNil(t, out.Fetch)
		})
	}
}

func TestGet_names_the_remedy_for_a_forbidden_target(t *testing.T) {
	a := agent(t, func(c *Config) { c.Guard = nil })
	_, err := get(t, a, "http://127.0.0.1:9/x")
	fails(t, err, events.ReasonForbiddenTarget, false)
	require.ErrorIs(t, err, netguard.ErrRefused)
	require.ErrorContains(t, err, "GET http://127.0.0.1:9/x: network guard: refused to connect to 127.0.0.1:9: loopback address (127.0.0.0/8); ")
	require.ErrorContains(t, err, "--allow-net 127.0.0.1/32")
}

func TestGet_takes_faults_of_TLS_for_permanent(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = quiet
	s.StartTLS()
	t.Cleanup(s.Close)
	out, err := get(t, agent(t), s.URL)
	fails(t, err, events.ReasonTLS, false)
	require.ErrorContains(t, err, "certificate signed by unknown authority")
	require.Zero(t, out.Fetch.Status)

	mutual := httptest.NewUnstartedServer(http.NotFoundHandler())
	mutual.Config.ErrorLog = quiet
	mutual.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	mutual.StartTLS()
	t.Cleanup(mutual.Close)
	_, err = get(t, agent(t, trusting(mutual)), mutual.URL)
	fails(t, err, events.ReasonTLS, false)
	require.ErrorContains(t, err, "certificate required")

	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.Config.ErrorLog = quiet
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.StartTLS()
	t.Cleanup(old.Close)
	_, err = get(t, agent(t, trusting(old)), old.URL)
	fails(t, err, events.ReasonTLS, false)
}

func TestGet_judges_names_by_what_they_resolve_to(t *testing.T) {
	s := site(t, func(http.ResponseWriter, *http.Request) {})
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	require.NoError(t, err)
	a := agent(t, func(c *Config) {
		c.Resolver = nameServer(t, map[string]string{"site.test.": "127.0.0.1", "inside.test.": "10.1.2.3", "broken.test.": "SERVFAIL"})
	})
	_, err = get(t, a, "http://site.test:"+port)
	require.NoError(t, err)

	_, err = get(t, a, "http://inside.test:"+port)
	fails(t, err, events.ReasonForbiddenTarget, false)
	require.ErrorContains(t, err, "10.1.2.3")

	_, err = get(t, a, "http://missing.test/")
	fails(t, err, events.ReasonDNS, false)
	require.ErrorContains(t, err, "no such host")

	_, err = get(t, a, "http://broken.test/")
	fails(t, err, events.ReasonDNS, true)
}

func TestClassify_takes_a_connect_timeout_for_temporary(t *testing.T) {
	fails(t, Verdict(t.Context(), "dial", &net.OpError{Op: "dial", Err: context.DeadlineExceeded}), events.ReasonTimeout, true)
}

func TestVerdict_judges_errors_without_HTTP_alike(t *testing.T) {
	refused := Verdict(t.Context(), "look", &net.OpError{Op: "dial", Err: &netguard.RefusedError{Rule: "a rule"}})
	fails(t, refused, events.ReasonForbiddenTarget, false)
	require.EqualError(t, refused, "look: network guard: refused to connect: a rule")
	fails(t, Verdict(t.Context(), "look", &net.DNSError{IsNotFound: true}), events.ReasonDNS, false)
	fails(t, Verdict(t.Context(), "look", io.EOF), events.ReasonConnect, true)
	fails(t, Verdict(t.Context(), "look", errors.New("what is this?")), events.ReasonProtocol, true)
	fails(t, Verdict(t.Context(), "look", fmt.Errorf("%w: no cipher in common", ErrHandshake)), events.ReasonTLS, false)
	fails(t, Verdict(t.Context(), "look", fmt.Errorf("%w: %w", ErrHandshake, io.EOF)), events.ReasonConnect, true)

	ended, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	late := Verdict(ended, "look", io.EOF)
	fails(t, late, events.ReasonTimeout, true)
	require.EqualError(t, late, "look: no full answer within its time: context deadline exceeded")

	off, cancel := context.WithCancel(t.Context())
	cancel()
	require.EqualError(t, Verdict(off, "look", io.EOF), "look: context canceled")
	require.NotErrorAs(t, Verdict(off, "look", io.EOF), new(*ops.Failure))
}

func TestClip_keeps_the_error_and_shortens_its_text(t *testing.T) {
	err := clip(fmt.Errorf("read %s: %w", strings.Repeat("ä", 5000), io.EOF))
	require.ErrorIs(t, err, io.EOF)
	require.LessOrEqual(t, len(err.Error()), maxErrorBytes+10)
	require.Equal(t, "a?b", clip(errors.New("a\xffb")).Error())
}
