package fetcher

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/porttest"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/internal/dnstest"
)

// listener does something with every connection to it, and closes it then. It returns its address.
func listener(t *testing.T, do func(net.Conn)) string {
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
			do(c)
			c.Close()
		}
	}()
	return l.Addr().String()
}

func says(text string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, text); _, _ = io.Copy(io.Discard, c) }
}

func connect(t *testing.T, ctx context.Context, n *Network, a args) (connectValue, ops.Output, error) {
	t.Helper()
	out, err := run(ctx, t, n, "tcp.connect", a)
	var v connectValue
	if out.Value != nil {
		require.NoError(t, json.Unmarshal(out.Value, &v))
		require.Equal(t, v.ElapsedMS, out.Fetch.ElapsedMS)
		require.Equal(t, err == nil, v.Up)
	}
	return v, out, err
}

func TestConnect_finds_out_whether_something_listens(t *testing.T) {
	n := network(t)
	up := listener(t, func(net.Conn) {})
	host, port, err := net.SplitHostPort(up)
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	for _, a := range []args{{"address": up}, {"host": host, "port": number}} {
		_, out, err := connect(t, t.Context(), n, a)
		require.NoError(t, err)
		require.Regexp(t, `^\{"up":true,"address":"`+up+`","elapsed_ms":[0-9.]+\}$`, string(out.Value))
		require.Positive(t, out.Fetch.Phases.Connect)
	}
	down := porttest.FreeAddress(t)
	_, out, err := connect(t, t.Context(), n, args{"address": down})
	fails(t, err, events.ReasonConnect, true)
	require.Regexp(t, `^\{"up":false,"elapsed_ms":[0-9.]+,"reason":"connect"\}$`, string(out.Value))
	require.ErrorContains(t, err, "tcp "+down+": ")
}

func TestConnect_resolves_names(t *testing.T) {
	n := withNames(t, dnstest.Zone{"site.test.": {dnstest.Address("127.0.0.1")}, "inside.test.": {dnstest.Address("10.0.0.1")}})
	up := listener(t, func(net.Conn) {})
	_, port, err := net.SplitHostPort(up)
	require.NoError(t, err)
	v, _, err := connect(t, t.Context(), n, args{"address": "site.test:" + port})
	require.NoError(t, err)
	require.Equal(t, up, v.Address)
	v, _, err = connect(t, t.Context(), n, args{"address": "missing.test:" + port})
	fails(t, err, events.ReasonDNS, false)
	require.Equal(t, events.ReasonDNS, v.Reason)
	_, out, err := connect(t, t.Context(), n, args{"address": "inside.test:" + port})
	fails(t, err, events.ReasonForbiddenTarget, false)
	require.Nil(t, out.Value, "nothing was found out")
}

func TestConnect_looks_for_what_is_expected(t *testing.T) {
	n := network(t)
	smtp := listener(t, says("220 mail.test ESMTP\r\n"))
	v, out, err := connect(t, t.Context(), n, args{"address": smtp, "expect": `(?m)^220 `})
	require.NoError(t, err)
	require.Equal(t, "220 mail.test ESMTP\r\n", v.Banner)
	require.EqualValues(t, 21, out.Fetch.Bytes)

	t.Run("which may come in pieces", func(t *testing.T) {
		read := make(chan struct{})
		pieces := listener(t, func(c net.Conn) {
			_, _ = io.WriteString(c, "22")
			<-read
			_, _ = io.WriteString(c, "0 late")
			_, _ = io.Copy(io.Discard, c)
		})
		go close(read)
		v, _, err := connect(t, t.Context(), n, args{"address": pieces, "expect": "220 late"})
		require.NoError(t, err)
		require.Equal(t, "220 late", v.Banner)
	})
	t.Run("after something was sent", func(t *testing.T) {
		echo := listener(t, func(c net.Conn) {
			buf := make([]byte, 6)
			if _, err := io.ReadFull(c, buf); err == nil {
				_, _ = c.Write([]byte("-" + strings.ToUpper(string(buf))))
			}
		})
		v, _, err := connect(t, t.Context(), n, args{"address": echo, "send": "ping\r\n", "expect": "PING\r\n$"})
		require.NoError(t, err)
		require.Equal(t, "-PING\r\n", v.Banner)
	})
	t.Run("and fails on anything else", func(t *testing.T) {
		closing := listener(t, func(c net.Conn) { _, _ = io.WriteString(c, "554 no\xff\r\n") })
		v, _, err := connect(t, t.Context(), n, args{"address": closing, "expect": "^220"})
		fails(t, err, events.ReasonProtocol, true)
		require.ErrorContains(t, err, `answered "554 no?\r\n" and closed the connection, which "^220" does not match`)
		require.Equal(t, connectValue{Address: closing, Banner: "554 no?\r\n", Reason: events.ReasonProtocol, ElapsedMS: v.ElapsedMS}, v)
	})
	t.Run("and on nothing", func(t *testing.T) {
		closing := listener(t, func(net.Conn) {})
		v, _, err := connect(t, t.Context(), n, args{"address": closing, "expect": "^220"})
		fails(t, err, events.ReasonConnect, true)
		require.Equal(t, closing, v.Address)
	})
	t.Run("for as long as there is time", func(t *testing.T) {
		var v connectValue
		for enough := 50 * time.Millisecond; v.Banner == ""; enough *= 2 { // enough to read it
			var err error
			v, _, err = connect(t, soon(t, enough), n, args{"address": smtp, "expect": "never"})
			fails(t, err, events.ReasonTimeout, true)
			require.Equal(t, events.ReasonTimeout, v.Reason)
		}
		require.Equal(t, "220 mail.test ESMTP\r\n", v.Banner)
	})
	t.Run("in no more than 4 KiB", func(t *testing.T) {
		endless := listener(t, func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, strings.Repeat("x", 999)); err != nil {
					return
				}
			}
		})
		v, out, err := connect(t, t.Context(), n, args{"address": endless, "expect": "y"})
		fails(t, err, events.ReasonProtocol, true)
		require.Len(t, v.Banner, maxBannerBytes)
		require.EqualValues(t, maxBannerBytes, out.Fetch.Bytes)
	})
}

func TestConnect_is_called_off_without_a_verdict(t *testing.T) {
	arrived := make(chan struct{})
	silent := listener(t, func(c net.Conn) { close(arrived); _, _ = io.Copy(io.Discard, c) })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, out, err := connect(t, ctx, network(t), args{"address": silent, "expect": "x"})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorAs(t, err, new(*ops.Failure))
	require.Nil(t, out.Value)
}

func TestConnect_refuses_arguments_that_make_no_connection(t *testing.T) {
	n := network(t)
	for _, a := range []args{{}, {"host": "x"}, {"port": 25}} {
		_, out, err := connect(t, t.Context(), n, a)
		fails(t, err, events.ReasonMissingParameter, false)
		require.Nil(t, out.Value)
	}
	for _, a := range []args{
		{"address": "site.test"},
		{"address": "site.test:"},
		{"address": ":25"},
		{"address": "site.test:smtp"},
		{"address": "site.test:0"},
		{"address": "site.test:65536"},
		{"address": "site.test:-1"},
		{"address": "::1:25"},
		{"address": "[fe80::1%eth0]:25"},
		{"address": "a b:25"},
		{"address": "[site:25"},
		{"address": "http://site.test:25"},
		{"address": "site.test:25", "port": 25},
		{"address": "site.test:25", "host": "x"},
		{"host": "a..b", "port": 25},
		{"host": "x", "port": 0},
		{"host": "x", "port": 70000},
		{"host": "x", "port": "25"},
		{"host": "x", "port": 2.5},
		{"address": "site.test:25", "expect": "("},
		{"address": "site.test:25", "expect": "((a{1000}){1000}){1000}"},
		{"address": "site.test:25", "expect": strings.Repeat("a", maxExpectBytes+1)},
		{"address": "site.test:25", "send": strings.Repeat("a", maxSendBytes+1)},
		{"address": "site.test:25", "await": "x"},
	} {
		_, out, err := connect(t, t.Context(), n, a)
		fails(t, err, events.ReasonInvalidParameter, false)
		require.Nil(t, out.Value)
	}
}
