package outlet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fetchmill/fetchmill/internal/netguard"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Reach says which addresses a channel may connect to, beside public ones.
type Reach struct {
	Allow []netip.Prefix   // what the operator allows
	Own   []netip.AddrPort // of fetchmill itself, which nothing can allow
}

// never are addresses that nothing can allow for a channel: of the machine's own link, where clouds keep their credentials, and of the
// services of clouds that live elsewhere. An operator's mail server is never there, and a name that leads there was made to.
var never = []struct {
	net  netip.Prefix
	what string
}{
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address, where clouds keep their credentials"},
	{netip.MustParsePrefix("fe80::/10"), "a link-local address"},
	{netip.MustParsePrefix("fd00:ec2::254/128"), "a cloud's service of credentials"},
	{netip.MustParsePrefix("100.100.100.200/32"), "a cloud's service of credentials"},
	{netip.MustParsePrefix("168.63.129.16/32"), "a cloud's own service"},
}

// guard refuses connections to what a channel must not reach.
type guard struct{ rules *netguard.Guard }

// newGuard makes the guard of a channel that leads to a host. An address that the operator wrote himself is allowed: it cannot lead
// elsewhere, as a name can.
func newGuard(r Reach, host string) (*guard, error) {
	allow := slices.Concat(r.Allow, written(host))
	rules, err := netguard.New(allow, r.Own)
	if err != nil {
		return nil, err
	}
	return &guard{rules}, nil
}

// written returns the addresses that a host is, if it is no name, or the name of the machine itself (RFC 6761 section 6.3).
func written(host string) []netip.Prefix {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" {
		return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return nil
	}
	a = a.Unmap().WithZone("")
	return []netip.Prefix{netip.PrefixFrom(a, a.BitLen())}
}

// Control is a net.Dialer's Control function. Its errors are failures.
func (g *guard) Control(network, address string, conn syscall.RawConn) error {
	if ap, err := netip.ParseAddrPort(address); err == nil {
		a := ap.Addr().Unmap().WithZone("")
		for _, n := range never {
			if n.net.Contains(a) {
				return forbidden("%s is %s: no channel can reach it", a, n.what)
			}
		}
	}
	err := g.rules.Control(network, address, conn)
	refused, ok := errors.AsType[*netguard.RefusedError](err)
	switch {
	case !ok:
		return err
	case refused.Own:
		return forbidden("%s is fetchmill's own address", refused.Addr)
	default:
		return forbidden("%s is refused by the network guard: %s; allow it with allow_net of the channel, or with --allow-net", refused.Addr, refused.Rule)
	}
}

func forbidden(format string, args ...any) error {
	return &Failure{Reason: events.ReasonForbiddenTarget, Err: fmt.Errorf(format, args...)}
}

// dialer connects through the guard.
func (g *guard) dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{Timeout: timeout, Control: g.Control}
}

// transport is for HTTP through the guard. Proxies of the environment do not count: the guard would see nothing but the proxy.
func (g *guard) transport(timeout time.Duration, trust *tls.Config) *http.Transport {
	return &http.Transport{
		DialContext: g.dialer(timeout).DialContext, TLSClientConfig: trust, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: timeout, ResponseHeaderTimeout: timeout, MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConns: 4, IdleConnTimeout: 30 * time.Second,
	}
}

// dial is the dialer with the certificates that are trusted: over TLS at once, if they are given.
func (g *guard) dial(ctx context.Context, timeout time.Duration, address string, secure *tls.Config) (net.Conn, error) {
	if secure == nil {
		return g.dialer(timeout).DialContext(ctx, "tcp", address)
	}
	d := tls.Dialer{NetDialer: g.dialer(timeout), Config: secure}
	return d.DialContext(ctx, "tcp", address)
}
