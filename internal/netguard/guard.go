// Package netguard keeps items from reaching what only the operator should reach: loopback, private networks, cloud
// metadata, fetchmill's own broker. Everything that opens a network connection on behalf of an item dials through it.
//
// The guard sits in the Control hook of net.Dialer, after name resolution and before connect. So it sees every
// address that is really dialled, and neither redirects nor names that resolve differently the second time get past it.
package netguard

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"
)

// azureWireServer is the address at which every virtual machine in Azure reaches its host, with credentials to be had.
// It looks public, and no registry lists it.
// https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
var azureWireServer = netip.MustParsePrefix("168.63.129.16/32")

// Guard refuses connections to addresses that are not public. It is safe for concurrent use.
type Guard struct {
	special *ssrf.Guardian
	allow   []netip.Prefix
	own     []ownAddr
}

// New makes a guard. It refuses what IANA lists as special, except for what is in allow, and in any case what is in own:
// addresses of fetchmill itself, such as the broker's. An own address with port 0 is refused at every port, and an
// unspecified one (0.0.0.0 or ::) stands for all addresses that the machine has at the moment.
//
// Allowing the addresses of a translator (64:ff9b::/96 where NAT64 is the way to IPv4) does not allow the IPv4 addresses behind it that
// are refused as such.
func New(allow []netip.Prefix, own []netip.AddrPort) (*Guard, error) {
	var all, v4, v6 []netip.Prefix
	for _, p := range allow {
		p, err := normalise(p)
		if err != nil {
			return nil, fmt.Errorf("network guard: %w", err)
		}
		all = append(all, p)
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	denied, err := ownAddrs(own)
	if err != nil {
		return nil, fmt.Errorf("network guard: %w", err)
	}
	return &Guard{
		special: ssrf.New(
			ssrf.WithAnyPort(), // people watch http://host:8080 too
			ssrf.WithAnyNetwork(),
			ssrf.WithAllowedV4Prefixes(v4...),
			ssrf.WithAllowedV6Prefixes(v6...),
			ssrf.WithDeniedV4Prefixes(azureWireServer),
		),
		allow: all,
		own:   denied,
	}, nil
}

// Control is a net.Dialer's Control function. Its errors are of type *RefusedError.
func (g *Guard) Control(network, address string, _ syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") && !strings.HasPrefix(network, "udp") {
		return &RefusedError{Rule: fmt.Sprintf("network %q is neither TCP nor UDP", network)}
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return &RefusedError{Rule: fmt.Sprintf("%q is not an IP address with a port", address)}
	}
	return g.Check(ap)
}

// Check says whether a connection to the address may be made. Its errors are of type *RefusedError.
func (g *Guard) Check(ap netip.AddrPort) error {
	ap = netip.AddrPortFrom(plain(ap.Addr()), ap.Port())
	for _, o := range g.own {
		if o.matches(ap) {
			return &RefusedError{Addr: ap, Rule: "it is fetchmill's own address, which items must not reach", Own: true}
		}
	}
	if err := g.special.SafeAddrPort(ap); err != nil {
		return &RefusedError{Addr: ap, Rule: ruleFor(ap.Addr())}
	}
	if a, by := embedded(ap.Addr()); a.IsValid() && !g.names(ap.Addr(), by) && g.special.SafeAddr(a) != nil {
		return &RefusedError{Addr: ap, Rule: fmt.Sprintf("it is translated to %s, %s", a, ruleFor(a))}
	}
	return nil
}

// names says whether the operator has allowed just this address of a translator, or some of its addresses, rather than the translator.
func (g *Guard) names(a netip.Addr, translator netip.Prefix) bool {
	for _, p := range g.allow {
		if p.Bits() > translator.Bits() && p.Contains(a) {
			return true
		}
	}
	return false
}

// plain takes off what would hide an address from prefix tests: an IPv4-mapped form and a zone.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// ruleFor names the range that an address was refused for.
func ruleFor(a netip.Addr) string {
	return fmt.Sprintf("%s (%s)", kindOf(a), rangeOf(a))
}

func kindOf(a netip.Addr) string {
	switch {
	case a.IsLoopback():
		return "loopback address"
	case a.IsPrivate():
		return "private address"
	case a.IsLinkLocalUnicast():
		return "link-local address"
	case a.IsMulticast():
		return "multicast address"
	case a.IsUnspecified():
		return "unspecified address"
	case azureWireServer.Contains(a):
		return "address of the cloud's own service"
	default:
		return "special-purpose address"
	}
}

func rangeOf(a netip.Addr) string {
	prefixes := ssrf.IPv4DeniedPrefixes
	if a.Is6() {
		prefixes = ssrf.IPv6DeniedPrefixes
	}
	for _, p := range prefixes {
		if p.Contains(a) {
			return p.String()
		}
	}
	if a.Is6() {
		return "outside of " + ssrf.IPv6GlobalUnicast.String()
	}
	return netip.PrefixFrom(a, a.BitLen()).String()
}
