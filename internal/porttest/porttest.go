// Package porttest gives tests ports that stay free until they use them: to start a server there later, or again, or to find nobody there.
package porttest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The ports are below those that systems hand out by themselves, to clients and to whoever listens on port 0 (from 32768 on Linux). One of
// those may be anybody's the moment after it was free.
const (
	first = 20_000
	count = 12_000
)

var given sync.Map // those that this process has already

// Free returns a port of the loopback interface where nobody listens.
func Free(t testing.TB) int {
	t.Helper()
	for range count {
		port := first + rand.IntN(count)
		if _, before := given.LoadOrStore(port, true); before {
			continue
		}
		if l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address(port)); err == nil {
			require.NoError(t, l.Close())
			return port
		}
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
