package topology_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/topology"
)

func TestAdvise(t *testing.T) {
	missing := fmt.Errorf("bucket x: %w", jetstream.ErrBucketNotFound)
	require.ErrorIs(t, topology.Advise(missing), jetstream.ErrBucketNotFound)
	require.ErrorContains(t, topology.Advise(missing), "fetchmill setup")
	require.Equal(t, context.DeadlineExceeded, topology.Advise(context.DeadlineExceeded))
	require.NoError(t, topology.Advise(nil))
}
