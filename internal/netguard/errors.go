package netguard

import (
	"errors"
	"fmt"
	"net/netip"
)

// ErrRefused means that the guard refused a connection. The error is a *RefusedError, which says more.
var ErrRefused = errors.New("connection refused by the network guard")

// RefusedError says which address was refused and why, and what the operator can do about it.
type RefusedError struct {
	Addr netip.AddrPort // as dialled, with IPv4-mapped forms unmapped; invalid if it could not be read
	Rule string         // such as "loopback address (127.0.0.0/8)"
	// Own is set for fetchmill's own addresses, which nothing can allow.
	Own bool
}

func (e *RefusedError) Error() string {
	switch {
	case !e.Addr.IsValid():
		return "network guard: refused to connect: " + e.Rule
	case e.Own:
		return fmt.Sprintf("network guard: refused to connect to %s: %s", e.Addr, e.Rule)
	default:
		one := netip.PrefixFrom(e.Addr.Addr(), e.Addr.Addr().BitLen())
		return fmt.Sprintf("network guard: refused to connect to %s: %s; to allow it, start the fetcher (or `fetchmill up`) with --allow-net %s",
			e.Addr, e.Rule, one)
	}
}

// Is makes every RefusedError an ErrRefused.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }
