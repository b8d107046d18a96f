// Package proxytest is a proxy for tests that speaks HTTP and SOCKS 5 and notes what it was asked for.
package proxytest

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Proxy is on 127.0.0.1 and reaches whatever it is asked for.
type Proxy struct {
	listener net.Listener
	// Answer may be set before use: it gets a request for a tunnel, which is nil for SOCKS, and says the status. 200 makes the tunnel, and
	// 0 leaves the client waiting.
	Answer func(*http.Request) int
	// Greets is sent to the client together with the answer, as if the server spoke first.
	Greets string
	// Asked has what clients have asked for: "CONNECT 192.0.2.1:80 Basic …" or "SOCKS 192.0.2.1:80 user:password".
	Asked chan string
}

// New starts a proxy that ends with the test.
func New(t testing.TB) *Proxy {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &Proxy{listener: l, Asked: make(chan string, 1000), Answer: func(*http.Request) int { return http.StatusOK }}
	var connections sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	connections.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Go(func() {
				defer func() { _ = c.Close() }()
				stop := context.AfterFunc(ctx, func() { _ = c.Close() })
				defer stop()
				p.serve(c)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); cancel(); connections.Wait() })
	return p
}

// Addr returns its HOST:PORT.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// URL returns its address for http or socks5, with USER:PASSWORD unless that is empty.
func (p *Proxy) URL(scheme, user string) *url.URL {
	u := &url.URL{Scheme: scheme, Host: p.Addr()}
	if name, password, ok := strings.Cut(user, ":"); ok {
		u.User = url.UserPassword(name, password)
	}
	return u
}

func (p *Proxy) serve(c net.Conn) {
	r := bufio.NewReader(c)
	first, err := r.Peek(1)
	if err != nil {
		return
	}
	if first[0] == 5 {
		p.socks(c, r)
		return
	}
	req, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	p.Asked <- req.Method + " " + req.RequestURI + " " + req.Header.Get("Proxy-Authorization")
	status := p.Answer(req)
	if status == 0 {
		_, _ = io.Copy(io.Discard, c) // never answers
		return
	}
	fmt.Fprintf(c, "HTTP/1.1 %d Text\r\nX: y\r\n\r\n%s", status, p.Greets)
	if status == http.StatusOK {
		splice(c, r, req.RequestURI)
	}
}

// socks takes any user and password, and notes them.
func (p *Proxy) socks(c net.Conn, r *bufio.Reader) {
	head := make([]byte, 2)
	_, _ = io.ReadFull(r, head)
	methods := make([]byte, head[1])
	_, _ = io.ReadFull(r, methods)
	credentials := ""
	if len(methods) > 1 {
		_, _ = c.Write([]byte{5, 2})
		text := func() string {
			n, _ := r.ReadByte()
			b := make([]byte, n)
			_, _ = io.ReadFull(r, b)
			return string(b)
		}
		_, _ = r.ReadByte()
		credentials = text() + ":" + text()
		_, _ = c.Write([]byte{1, 0})
	} else {
		_, _ = c.Write([]byte{5, 0})
	}
	request := make([]byte, 4)
	if _, err := io.ReadFull(r, request); err != nil {
		return
	}
	size := map[byte]int{1: 4, 4: 16}[request[3]]
	if size == 0 {
		p.Asked <- "a name" // what no test wants
		return
	}
	raw := make([]byte, size+2)
	_, _ = io.ReadFull(r, raw)
	addr, _ := netip.AddrFromSlice(raw[:size])
	target := netip.AddrPortFrom(addr, binary.BigEndian.Uint16(raw[size:])).String()
	p.Asked <- "SOCKS " + target + " " + credentials
	if p.Answer(nil) != http.StatusOK {
		_, _ = c.Write([]byte{5, 2, 0, 1, 0, 0, 0, 0, 0, 0}) // not allowed by ruleset
		return
	}
	_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	splice(c, r, target)
}

func splice(c net.Conn, r io.Reader, target string) {
	to, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", target)
	if err != nil {
		return
	}
	defer func() { _ = to.Close() }()
	var up sync.WaitGroup
	up.Go(func() { _, _ = io.Copy(to, r); _ = to.Close() })
	_, _ = io.Copy(c, to)
	_ = c.Close()
	up.Wait()
}
