package netguard

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// ParseAllow reads the values of --allow-net: prefixes such as 10.0.0.0/8 and single addresses such as 127.0.0.1.
// It reports all faults at once.
func ParseAllow(list []string) ([]netip.Prefix, error) {
	var (
		allow  []netip.Prefix
		faults []error
	)
	for _, s := range list {
		p, err := parsePrefix(strings.TrimSpace(s))
		if err != nil {
			faults = append(faults, fmt.Errorf("allowed network %q: %w", s, err))
			continue
		}
		allow = append(allow, p)
	}
	return allow, errors.Join(faults...)
}

func parsePrefix(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return netip.Prefix{}, errors.New("not a network: write it as CIDR, such as 10.0.0.0/8 or fd00::/8")
		}
		return normalise(p)
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, errors.New("neither an IP address nor a network: write 127.0.0.1 or 10.0.0.0/8; names are not accepted, as they can be made to resolve to anything")
	}
	a = plain(a)
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// normalise brings a prefix into the form in which addresses are compared: IPv4 as such, not mapped into IPv6, and
// without host bits.
func normalise(p netip.Prefix) (netip.Prefix, error) {
	if !p.IsValid() {
		return netip.Prefix{}, fmt.Errorf("not a network: %v", p)
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("%s covers more than the IPv4-mapped addresses: write IPv4 networks as 10.0.0.0/8", p)
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}
