package app

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/netguard"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

// reach is what items can get at, and how.
type reach struct {
	guard *netguard.Guard
	proxy *url.URL // nil for none
	allow []string

	subjects, buckets []string       // of the broker
	own               []netip.Prefix // the same, read
}

func (a *App) reach(env host.Env) (reach, error) {
	allow, err := netguard.ParseAllow(a.cfg.AllowNet)
	if err != nil {
		return reach{}, fmt.Errorf("--allow-net: %w", err)
	}
	own, err := netguard.Servers(append(append(brokers(env.Conn), a.http.Addr().String()), a.cfg.Closed...)...)
	if err != nil {
		return reach{}, err
	}
	guard, err := netguard.New(allow, own)
	if err != nil {
		return reach{}, err
	}
	r := reach{guard: guard, allow: a.cfg.AllowNet, own: allow, subjects: a.cfg.Subjects, buckets: a.cfg.Buckets}
	if a.cfg.Proxy != "" {
		if r.proxy, err = useragent.ParseProxy(a.cfg.Proxy); err != nil {
			return reach{}, fmt.Errorf("--proxy: %w", err)
		}
	}
	return r, nil
}

// brokers lists the addresses of the broker: the server that we are connected to, and the others of its cluster that are known by address.
func brokers(nc *nats.Conn) []string {
	list := []string{nc.ConnectedAddr()}
	for _, s := range nc.Servers() {
		u, err := url.Parse(s)
		if err != nil {
			continue
		}
		if _, err := netip.ParseAddrPort(u.Host); err == nil {
			list = append(list, u.Host)
		}
	}
	return list
}

// String tells operators, without the proxy's credentials.
func (r reach) String() string {
	s := "public addresses only"
	if len(r.allow) > 0 {
		s = "public addresses and " + strings.Join(r.allow, ", ")
	}
	if r.proxy != nil {
		s += "; through " + r.proxy.Scheme + "://" + r.proxy.Host
	}
	if len(r.subjects) > 0 {
		s += "; subjects " + strings.Join(r.subjects, ", ")
	}
	if len(r.buckets) > 0 {
		s += "; buckets " + strings.Join(r.buckets, ", ")
	}
	return s
}
