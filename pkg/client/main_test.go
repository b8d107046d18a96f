package client_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/internal/standin"
	"github.com/fetchmill/fetchmill/pkg/client"
)

func TestMain(m *testing.M) {
	leaktest.Main(m)
}

// start starts a broker with streams and a pipeline behind it.
func start(t *testing.T) (*client.Client, *standin.Broker) {
	t.Helper()
	b := standin.StartBroker(t)
	b.MakeStreams(t, -1)
	standin.StartPipeline(t, b)
	return connect(t, b), b
}

func connect(t *testing.T, b *standin.Broker) *client.Client {
	t.Helper()
	c, err := client.New(b.NC)
	require.NoError(t, err)
	return c
}
