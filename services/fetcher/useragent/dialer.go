package useragent

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/fetchmill/fetchmill/internal/netguard"
)

// keepAlive finds out that a server has gone while it is being waited for. Connections in the pool are closed after
// idleTimeout, so each is probed once, and ten thousand of them make some hundred small packets a second.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 15 * time.Second, Count: 4}

// dialer makes all connections that items ask for. Every address is judged by the guard after names are resolved, here and never by
// a proxy, just before it is dialled: so neither redirects, nor names that resolve differently the second time, nor a proxy get past it.
type dialer struct {
	guard    *netguard.Guard
	resolver *net.Resolver
	timeout  time.Duration
	direct   net.Dialer
	tunnel   tunnel // nil without a proxy
}

// tunnel connects to an address through a proxy. Its errors are of type *proxyError or *netguard.RefusedError.
type tunnel func(ctx context.Context, target netip.AddrPort) (net.Conn, error)

func newDialer(cfg Config) *dialer {
	d := &dialer{guard: cfg.Guard, resolver: cfg.Resolver, timeout: cfg.ConnectTimeout}
	d.direct = net.Dialer{
		Timeout:         cfg.ConnectTimeout,
		Resolver:        cfg.Resolver,
		KeepAliveConfig: keepAlive,
		ControlContext: func(_ context.Context, network, address string, c syscall.RawConn) error {
			return cfg.Guard.Control(network, address, c)
		},
	}
	if cfg.Proxy != nil {
		d.tunnel = newTunnel(cfg)
	}
	return d
}

// Dial connects to HOST:PORT for an item, under the guard and, if one is configured, through the proxy, which carries TCP only. It
// takes at most Config.ConnectTimeout. DialFailure makes verdicts of its errors.
func (a *Agent) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return a.dialer.dial(ctx, network, address)
}

// Resolver returns the resolver of all connections, which remembers answers. It judges nothing: addresses that it yields must be
// dialled with Dial.
func (a *Agent) Resolver() *net.Resolver { return a.cfg.Resolver }

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if d.tunnel == nil {
		return d.direct.DialContext(ctx, network, address)
	}
	if !strings.HasPrefix(network, "tcp") {
		return nil, &proxyError{text: "carries TCP only, not " + network}
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	targets, err := d.targets(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return race(ctx, targets, d.tunnel)
}

// targets resolves an address into those that the guard lets through. It fails if there are none.
func (d *dialer) targets(ctx context.Context, network, address string) ([]netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := d.resolver.LookupPort(ctx, network, service)
	if err != nil {
		return nil, err
	}
	addrs, err := d.resolver.LookupNetIP(ctx, strings.Replace(network, "tcp", "ip", 1), host)
	if err != nil {
		return nil, err
	}
	var (
		targets []netip.AddrPort
		refused error
	)
	for _, a := range addrs {
		// A zone is an interface of this machine and means nothing to a proxy.
		target := netip.AddrPortFrom(a.Unmap().WithZone(""), uint16(port))
		if err := d.guard.Check(target); err == nil {
			targets = append(targets, target)
		} else if refused == nil {
			refused = err
		}
	}
	if len(targets) == 0 {
		return nil, refused
	}
	return targets, nil
}
