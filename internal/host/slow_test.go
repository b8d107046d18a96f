package host

import (
	"bufio"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestConnect_tries_again_after_a_ping_of_the_broker has a broker that gets tired of waiting for the client and pings it, once. NATS servers do
// so after 2 s.
func TestConnect_tries_again_after_a_ping_of_the_broker(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	t.Cleanup(func() { require.NoError(t, l.Close()); <-ended })
	go func() {
		defer close(ended)
		var open []net.Conn
		for first := "PING\r\n"; ; first = "" {
			c, err := l.Accept()
			if err != nil {
				break
			}
			open = append(open, c)
			_, _ = fmt.Fprint(c, "INFO {\"server_id\":\"x\",\"version\":\"2.15.2\",\"max_payload\":1000}\r\n")
			for lines := bufio.NewScanner(c); lines.Scan() && lines.Text() != "PING"; {
			}
			_, _ = fmt.Fprint(c, first+"PONG\r\n")
		}
		for _, c := range open {
			_ = c.Close()
		}
	}()
	nc, err := Connect(t.Context(), ConnectConfig{URL: "nats://" + l.Addr().String(), Timeout: patience, Wait: patience})
	require.NoError(t, err)
	nc.Close()
}
