package netguard

import "net/netip"

// Addresses for translators and tunnels, which make IPv4 addresses of them. An operator's own prefix for NAT64 looks like any other and
// cannot be known here.
var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")   // RFC 6052
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48") // RFC 8215, mostly used with the address in the last 32 bits
	sixToFour  = netip.MustParsePrefix("2002::/16")      // RFC 3056
)

// embedded returns the IPv4 address that a translator would make of an IPv6 address, and the translator's prefix, or zero values.
func embedded(a netip.Addr) (netip.Addr, netip.Prefix) {
	b := a.As16()
	switch {
	case nat64.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:16])), nat64
	case nat64Local.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:16])), netip.PrefixFrom(a, 96).Masked()
	case sixToFour.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6])), sixToFour
	}
	return netip.Addr{}, netip.Prefix{}
}
