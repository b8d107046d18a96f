package topology_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
	"github.com/fetchmill/fetchmill/internal/topology"
)

// The stream keeps what is acknowledged, as a queue sometimes does over a restart.
func TestSweep(t *testing.T) {
	js := brokertest.New(t).JetStream()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "Q", Subjects: []string{"q.>"}})
	require.NoError(t, err)
	mine := topology.Consumer{Stream: "Q", ConsumerConfig: jetstream.ConsumerConfig{
		Durable: "a", Name: "a", FilterSubject: "q.a.>", AckPolicy: jetstream.AckExplicitPolicy,
	}}
	c, err := s.CreateConsumer(ctx, mine.ConsumerConfig)
	require.NoError(t, err)
	left := func() (subjects []string) {
		info, err := s.Info(ctx, jetstream.WithSubjectFilter(">"))
		require.NoError(t, err)
		for subject := range info.State.Subjects {
			subjects = append(subjects, subject)
		}
		return subjects
	}
	require.NoError(t, topology.Sweep(ctx, js, mine), "nothing is there")
	for _, subject := range []string{"q.a.1", "q.b.2", "q.a.3", "q.a.4", "q.a.5"} {
		_, err := js.Publish(ctx, subject, nil)
		require.NoError(t, err)
	}
	require.NoError(t, topology.Sweep(ctx, js, mine), "nothing is acknowledged")
	require.Len(t, left(), 5)
	for i := range 3 {
		m, err := c.Next()
		require.NoError(t, err)
		if i != 1 { // the second is still being worked on
			require.NoError(t, m.DoubleAck(ctx))
		}
	}
	require.NoError(t, topology.Sweep(ctx, js, mine))
	require.ElementsMatch(t, []string{"q.b.2", "q.a.3", "q.a.4", "q.a.5"}, left(), "only what is before the first that is not acknowledged, and of the consumer's own subjects")
}
