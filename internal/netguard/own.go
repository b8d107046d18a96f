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
	if v4, _ := embedded(a); a == o.addr || v4 == o.addr {
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
