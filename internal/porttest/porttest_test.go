package porttest_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/porttest"
)

func TestFree(t *testing.T) {
	address := porttest.FreeAddress(t)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = new(net.ListenConfig).ListenPacket(t.Context(), "udp", address)
	require.Error(t, err, "others see that it is taken")
}
