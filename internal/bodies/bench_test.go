package bodies_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/bodies"
	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
	"github.com/fetchmill/fetchmill/internal/topology"
)

// BenchmarkStore has the broker in the same process. Each body is another, as the same would be kept once.
func BenchmarkStore(b *testing.B) {
	broker := brokertest.New(b)
	cfg := topology.Default()
	cfg.BodiesBytes = 8 << 30
	broker.Provision(cfg)
	s, err := bodies.New(broker.Connect())
	require.NoError(b, err)
	const size = 16 << 20
	seed := uint64(0)
	b.Run("put", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			seed++
			_, err := s.Put(b.Context(), random(seed, size))
			require.NoError(b, err)
		}
	})
	b.Run("get", func(b *testing.B) {
		ref, err := s.Put(b.Context(), random(1, size))
		require.NoError(b, err)
		b.SetBytes(size)
		for b.Loop() {
			body, err := s.Get(b.Context(), ref)
			require.NoError(b, err)
			_, err = io.Copy(io.Discard, body)
			require.NoError(b, err)
			require.NoError(b, body.Close())
		}
	})
}
