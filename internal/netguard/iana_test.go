package netguard_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/netguard"
)

// special are all rows of the registries of special-purpose addresses, those that are globally reachable as well: none of them is a
// web server's.
// https://www.iana.org/assignments/iana-ipv4-special-registry
// https://www.iana.org/assignments/iana-ipv6-special-registry
var special = map[string]string{
	"0.0.0.0/8":          "this network, RFC 791",
	"0.0.0.0/32":         "this host on this network, RFC 1122",
	"10.0.0.0/8":         "private use, RFC 1918",
	"100.64.0.0/10":      "shared address space, RFC 6598",
	"127.0.0.0/8":        "loopback, RFC 1122",
	"169.254.0.0/16":     "link local, RFC 3927",
	"172.16.0.0/12":      "private use, RFC 1918",
	"192.0.0.0/24":       "IETF protocol assignments, RFC 6890",
	"192.0.0.0/29":       "IPv4 service continuity, RFC 7335",
	"192.0.0.8/32":       "IPv4 dummy address, RFC 7600",
	"192.0.0.9/32":       "port control protocol anycast, RFC 7723",
	"192.0.0.10/32":      "TURN anycast, RFC 8155",
	"192.0.0.170/32":     "NAT64/DNS64 discovery, RFC 7050",
	"192.0.0.171/32":     "NAT64/DNS64 discovery, RFC 7050",
	"192.0.2.0/24":       "documentation (TEST-NET-1), RFC 5737",
	"192.31.196.0/24":    "AS112-v4, RFC 7535",
	"192.52.193.0/24":    "AMT, RFC 7450",
	"192.88.99.0/24":     "6to4 relay anycast, RFC 7526",
	"192.88.99.2/32":     "6a44 relay anycast, RFC 6751",
	"192.168.0.0/16":     "private use, RFC 1918",
	"192.175.48.0/24":    "direct delegation AS112 service, RFC 7534",
	"198.18.0.0/15":      "benchmarking, RFC 2544",
	"198.51.100.0/24":    "documentation (TEST-NET-2), RFC 5737",
	"203.0.113.0/24":     "documentation (TEST-NET-3), RFC 5737",
	"240.0.0.0/4":        "reserved, RFC 1112",
	"255.255.255.255/32": "limited broadcast, RFC 919",

	"::1/128":           "loopback, RFC 4291",
	"::/128":            "unspecified, RFC 4291",
	"64:ff9b::/96":      "translation, RFC 6052",
	"64:ff9b:1::/48":    "translation, RFC 8215",
	"100::/64":          "discard only, RFC 6666",
	"100:0:0:1::/64":    "dummy prefix, RFC 9780",
	"2001::/23":         "IETF protocol assignments, RFC 2928",
	"2001::/32":         "Teredo, RFC 4380",
	"2001:1::1/128":     "port control protocol anycast, RFC 7723",
	"2001:1::2/128":     "TURN anycast, RFC 8155",
	"2001:1::3/128":     "DNS-SD registration anycast, RFC 9665",
	"2001:2::/48":       "benchmarking, RFC 5180",
	"2001:3::/32":       "AMT, RFC 7450",
	"2001:4:112::/48":   "AS112-v6, RFC 7535",
	"2001:10::/28":      "ORCHID, RFC 4843",
	"2001:20::/28":      "ORCHIDv2, RFC 7343",
	"2001:30::/28":      "drone remote ID, RFC 9374",
	"2001:db8::/32":     "documentation, RFC 3849",
	"2002::/16":         "6to4, RFC 3056",
	"2620:4f:8000::/48": "direct delegation AS112 service, RFC 7534",
	"3fff::/20":         "documentation, RFC 9637",
	"5f00::/16":         "SRv6 SIDs, RFC 9602",
	"fc00::/7":          "unique local, RFC 4193",
	"fe80::/10":         "link local, RFC 4291",

	"224.0.0.0/4": "multicast, RFC 5771",
	"ff00::/8":    "multicast, RFC 4291",
	"fec0::/10":   "site local, RFC 3879",
}

func TestGuard_refuses_all_of_the_special_registries(t *testing.T) {
	g := guard(t, nil)
	for row, name := range special {
		p := netip.MustParsePrefix(row)
		require.Equal(t, p.Masked(), p, row)
		for _, a := range []netip.Addr{p.Addr(), p.Addr().Next(), last(p).Prev(), last(p)} {
			if !p.Contains(a) {
				continue // a row with one address
			}
			require.ErrorIs(t, g.Check(netip.AddrPortFrom(a, 443)), netguard.ErrRefused, "%s of %s (%s)", a, row, name)
			if a.Is4() {
				mapped := netip.AddrFrom16(a.As16()) // ::ffff:0:0/96, RFC 4291, has no row above: each address is taken for the IPv4 one
				require.True(t, mapped.Is4In6())
				require.ErrorIs(t, g.Check(netip.AddrPortFrom(mapped, 443)), netguard.ErrRefused, "%s of %s (%s)", mapped, row, name)
			} else {
				require.ErrorIs(t, g.Check(netip.AddrPortFrom(a.WithZone("eth0"), 443)), netguard.ErrRefused, "%s with a zone of %s (%s)", a, row, name)
			}
		}
	}
}

// last is the highest address of a prefix.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < 8*len(b); i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
