package netguard

import (
	"fmt"
	"net"
	"net/netip"
)

// ownAddr is an address of fetchmill itself; port 0 is every port.
type ownAddr struct {
	addr netip.Addr
	port uint16
}

func ownAddrs(list []netip.AddrPort) ([]ownAddr, error) {
	var own []ownAddr
	for _, ap := range list {
		if !ap.Addr().IsValid() {
			return nil, fmt.Errorf("an own address without an IP: %v", ap)
		}
		a := plain(ap.Addr())
		if !a.IsUnspecified() {
			own = append(own, ownAddr{a, ap.Port()})
			continue
		}
		machine, err := net.InterfaceAddrs()
		if err != nil {
			return nil, fmt.Errorf("list the machine's addresses: %w", err)
		}
		for _, m := range machine {
			if n, ok := m.(*net.IPNet); ok {
				if a, ok := netip.AddrFromSlice(n.IP); ok {
					own = append(own, ownAddr{plain(a), ap.Port()})
				}
			}
		}
		own = append(own, ownAddr{a, ap.Port()})
	}
	return own, nil
}

func (o ownAddr) matches(ap netip.AddrPort) bool {
	if o.port != 0 && o.port != ap.Port() {
		return false
	}
	a := ap.Addr()
	if a == o.addr || embedded(a) == o.addr {
		return true
	}
	switch {
	case a.IsUnspecified(): // dialling 0.0.0.0 or :: reaches the machine's loopback
		return o.addr.IsLoopback()
	case o.addr.IsUnspecified(): // a listener on all addresses is reached through all of 127.0.0.0/8
		return a.IsLoopback()
	}
	return false
}

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052
	sixToFour = netip.MustParsePrefix("2002::/16")    // RFC 3056
)

// embedded returns the IPv4 address that a gateway would make of an IPv6 address, or the zero Addr.
func embedded(a netip.Addr) netip.Addr {
	switch {
	case nat64.Contains(a):
		b := a.As16()
		return netip.AddrFrom4([4]byte(b[12:16]))
	case sixToFour.Contains(a):
		b := a.As16()
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return netip.Addr{}
}
