package broker

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// The server's own subscription, by which answers of JetStream come back, is there before the first client is.
func TestAwaken(t *testing.T) {
	b, err := Start(Config{Addr: "127.0.0.1:0", Dir: t.TempDir()}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer b.Stop()
	have, err := b.server().Subsz(&server.SubszOptions{Subscriptions: true, Account: server.DEFAULT_SYSTEM_ACCOUNT})
	require.NoError(t, err)
	require.Condition(t, func() bool {
		for _, sub := range have.Subs {
			if strings.HasPrefix(sub.Subject, "_R_.") {
				return true
			}
		}
		return false
	}, "%+v", have.Subs)
}
