package netguard

import (
	"fmt"
	"net/netip"
)

// Servers makes of the addresses of fetchmill's own servers, each IP:PORT, what New takes as own.
func Servers(addrs ...string) ([]netip.AddrPort, error) {
	own := make([]netip.AddrPort, 0, len(addrs))
	for _, a := range addrs {
		addr, err := netip.ParseAddrPort(a)
		if err != nil {
			return nil, fmt.Errorf("own address: %w", err)
		}
		own = append(own, addr)
	}
	return own, nil
}
