package fetcher

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/fetchmill/fetchmill/services/fetcher/politeness"
)

// DefaultHostConcurrency is how many requests a public host gets at the same time at most unless told otherwise.
const DefaultHostConcurrency = 32

// HostLimits gives public hosts a limit, and none to those in the networks that the operator has allowed, which are his own. A host that
// is given by its name is public, except localhost: what names resolve to may change.
func HostLimits(public politeness.Limit, own []netip.Prefix) func(host string) politeness.Limit {
	return func(host string) politeness.Limit {
		if isOwn(host, own) {
			return politeness.Limit{Own: true}
		}
		return public
	}
}

func isOwn(host string, own []netip.Prefix) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(name)
	if err != nil {
		if name != "localhost" && !strings.HasSuffix(name, ".localhost") { // RFC 6761 section 6.3
			return false
		}
		addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	addr = addr.WithZone("")
	return slices.ContainsFunc(own, func(p netip.Prefix) bool { return p.Contains(addr) })
}
