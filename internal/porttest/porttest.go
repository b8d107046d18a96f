// Package porttest gives tests ports that stay free until they use them: to start a server there later, or again, or to find nobody there.
package porttest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// The ports are below those that systems hand out by themselves, to clients and to whoever listens on port 0 (from 32768 on Linux). One of
// those may be anybody's the moment after it was free.
const (
	first = 20_000
	count = 12_000
)

// Free returns a port of the loopback interface where nobody listens. Other tests, also those in other processes, do not get it until this one ends.
func Free(t testing.TB) int {
	t.Helper()
	for range count {
		port := first + rand.IntN(count)
		// The port of UDP with the same number is held meanwhile, by which all of them see that it is given away.
		claim, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", address(port))
		if err != nil {
			continue
		}
		if l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address(port)); err == nil {
			require.NoError(t, l.Close())
			t.Cleanup(func() { require.NoError(t, claim.Close()) })
			return port
		}
		require.NoError(t, claim.Close())
	}
	require.Fail(t, "no port is free")
	return 0
}

// FreeAddress is Free with the address before it.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return address(Free(t))
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
