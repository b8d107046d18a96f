package useragent

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/proxy"

	"github.com/fetchmill/fetchmill/internal/netguard"
)

// ParseProxy reads the URL of a proxy: http://HOST:PORT or socks5://HOST:PORT, with USER:PASSWORD@ in front of the host if it wants that.
// Its errors show no credentials.
func ParseProxy(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil { // the error would show parts of a password
		return nil, errors.New("proxy: not a URL: write http://HOST:PORT or socks5://USER:PASSWORD@HOST:PORT, with special characters of the password percent-encoded")
	}
	if err := checkProxy(u); err != nil {
		return nil, err
	}
	return u, nil
}

func checkProxy(u *url.URL) error {
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case u.Scheme == "socks5h":
		return errors.New("proxy: socks5h would leave names to the proxy, unseen by the network guard: write socks5, names are resolved here")
	case u.Scheme != "http" && u.Scheme != "socks5":
		return fmt.Errorf("proxy: scheme %q is not supported: write http://HOST:PORT or socks5://HOST:PORT", clipString(u.Scheme, 40))
	case u.Hostname() == "":
		return errors.New("proxy: the host is missing: write http://HOST:PORT or socks5://HOST:PORT")
	case err != nil || port == 0:
		return fmt.Errorf("proxy %s: the port is missing or not from 1 to 65535: write %s://%s:3128", u.Host, u.Scheme, u.Hostname())
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("proxy %s: there must be nothing after the port", u.Host)
	case u.User == nil:
		return nil
	}
	name := u.User.Username()
	password, _ := u.User.Password()
	if u.Scheme == "http" && strings.Contains(name, ":") { // RFC 7617, section 2
		return fmt.Errorf("proxy %s: a user name cannot have a colon in it", u.Host)
	}
	if u.Scheme == "socks5" && (name == "" || password == "" || len(name) > 255 || len(password) > 255) { // RFC 1929
		return fmt.Errorf("proxy %s: user name and password of a SOCKS proxy have 1 to 255 bytes each", u.Host)
	}
	return nil
}

// proxyError means that there is no connection because of the proxy. Its text names the proxy and shows no credentials.
type proxyError struct {
	proxy string // HOST:PORT
	text  string // what was wrong; with err, what was being done
	err   error
	// final means that the proxy does not let anybody reach the target, so that another try is in vain.
	final bool
}

func (e *proxyError) Error() string {
	s := "proxy"
	if e.proxy != "" {
		s += " " + e.proxy
	}
	s += ": " + e.text
	if e.err != nil {
		s += ": " + e.err.Error()
	}
	return s
}

func (e *proxyError) Unwrap() error { return e.err }

// gateway is the configured proxy. Its own address is the operator's choice and not judged.
type gateway struct {
	url    *url.URL
	dialer net.Dialer
}

func newTunnel(cfg Config) tunnel {
	g := &gateway{url: cfg.Proxy, dialer: net.Dialer{Resolver: cfg.Resolver, KeepAliveConfig: keepAlive}}
	by := g.httpConnect
	if cfg.Proxy.Scheme == "socks5" {
		by = g.socksConnect
	}
	return func(ctx context.Context, target netip.AddrPort) (net.Conn, error) {
		trace := traceOf(ctx)
		trace.ConnectStart("tcp", target.String())
		c, err := by(withoutValues{ctx}, target)
		trace.ConnectDone("tcp", target.String(), err)
		return c, err
	}
}

// dial connects to the proxy, unless an item wants to talk to the proxy itself: it could ask the proxy for what the guard would refuse.
func (g *gateway) dial(ctx context.Context, target netip.AddrPort) (net.Conn, error) {
	c, err := g.dialer.DialContext(ctx, "tcp", g.url.Host)
	if err != nil {
		return nil, g.fault("connect to it", err)
	}
	if at, ok := c.RemoteAddr().(*net.TCPAddr); ok && target == netip.AddrPortFrom(at.AddrPort().Addr().Unmap().WithZone(""), at.AddrPort().Port()) {
		_ = c.Close()
		return nil, &netguard.RefusedError{Addr: target, Rule: "it is the proxy's own address, which items must not reach", Own: true}
	}
	return c, nil
}

func (g *gateway) fault(doing string, err error) *proxyError {
	return &proxyError{proxy: g.url.Host, text: doing, err: err}
}

func (g *gateway) socksConnect(ctx context.Context, target netip.AddrPort) (net.Conn, error) {
	var auth *proxy.Auth
	if u := g.url.User; u != nil {
		password, _ := u.Password()
		auth = &proxy.Auth{User: u.Username(), Password: password}
	}
	d, err := proxy.SOCKS5("tcp", g.url.Host, auth, forward(func(ctx context.Context) (net.Conn, error) { return g.dial(ctx, target) }))
	if err != nil {
		return nil, g.fault("use SOCKS", err)
	}
	dialer, ok := d.(proxy.ContextDialer)
	if !ok {
		return nil, g.fault("use SOCKS", errors.ErrUnsupported)
	}
	c, err := dialer.DialContext(ctx, "tcp", target.String())
	if err == nil {
		return c, nil
	}
	if refused, ok := errors.AsType[*netguard.RefusedError](err); ok {
		return nil, refused
	}
	if fault, ok := errors.AsType[*proxyError](err); ok {
		return nil, fault
	}
	return nil, g.fault("connect to "+target.String(), err)
}

// forward is how the SOCKS client reaches its server.
type forward func(context.Context) (net.Conn, error)

func (f forward) DialContext(ctx context.Context, _, _ string) (net.Conn, error) { return f(ctx) }
func (f forward) Dial(_, _ string) (net.Conn, error)                             { return f(context.Background()) }

// httpConnect asks an HTTP proxy for a tunnel (RFC 9110, section 9.3.6).
func (g *gateway) httpConnect(ctx context.Context, target netip.AddrPort) (net.Conn, error) {
	c, err := g.dial(ctx, target)
	if err != nil {
		return nil, err
	}
	// The context's end is a deadline in the past; when all is well, it is taken back before the connection is handed on.
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	tunnel, err := g.ask(c, target)
	if !stop() {
		err = g.fault("connect to "+target.String(), context.Cause(ctx))
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return tunnel, nil
}

// maxProxyHeaderBytes caps what a proxy says before the tunnel begins.
const maxProxyHeaderBytes = 16 << 10

func (g *gateway) ask(c net.Conn, target netip.AddrPort) (net.Conn, error) {
	var credentials string
	if u := g.url.User; u != nil {
		password, _ := u.Password()
		credentials = "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)) + "\r\n"
	}
	if _, err := fmt.Fprintf(c, "CONNECT %[1]s HTTP/1.1\r\nHost: %[1]s\r\n%[2]s\r\n", target, credentials); err != nil {
		return nil, g.fault("ask for "+target.String(), err)
	}
	r := bufio.NewReader(io.LimitReader(c, maxProxyHeaderBytes))
	resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return nil, g.fault("read its answer to CONNECT "+target.String(), err)
	}
	_ = resp.Body.Close() // a 200 has none, and that of others is not read
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, g.refusal(resp.StatusCode, target)
	}
	if n := r.Buffered(); n > 0 { // the server spoke first
		early, err := r.Peek(n)
		if err != nil {
			return nil, g.fault("read its answer to CONNECT "+target.String(), err)
		}
		return &earlyConn{Conn: c, early: early}, nil
	}
	return c, nil
}

func (g *gateway) refusal(status int, target netip.AddrPort) *proxyError {
	e := &proxyError{proxy: g.url.Host, text: fmt.Sprintf("refused CONNECT to %s with status %d %s", target, status, http.StatusText(status))}
	switch status {
	case http.StatusProxyAuthRequired:
		e.text += ": give its user name and password in --proxy"
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
	case http.StatusForbidden, http.StatusMethodNotAllowed:
		e.final = true
		e.text += fmt.Sprintf(": it must allow CONNECT to IP addresses at port %d", target.Port())
	default:
		e.final = status < 500
	}
	return e
}

// earlyConn first reads what came together with the proxy's answer.
type earlyConn struct {
	net.Conn
	early []byte
}

func (c *earlyConn) Read(b []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(b, c.early)
		c.early = c.early[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}
