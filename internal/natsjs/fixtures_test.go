package natsjs_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
	"github.com/fetchmill/fetchmill/internal/natsjs"
)

// patience is how long tests wait for what must happen.
const patience = time.Minute

// queue is a work queue with one consumer named "c" on a broker.
type queue struct {
	t      *testing.T
	broker *brokertest.Broker
	nc     *nats.Conn
	js     jetstream.JetStream
}

func newQueue(t *testing.T, ackWait time.Duration) *queue {
	t.Helper()
	broker := brokertest.New(t)
	js := broker.JetStream()
	q := &queue{t, broker, js.Conn(), js}
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "Q", Subjects: []string{"q.>"}, Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew,
	})
	require.NoError(t, err)
	q.consumer("c", "q.>", ackWait)
	return q
}

func (q *queue) consumer(name, filter string, ackWait time.Duration) {
	q.t.Helper()
	_, err := q.js.CreateOrUpdateConsumer(q.t.Context(), "Q", jetstream.ConsumerConfig{
		Durable: name, FilterSubject: filter, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: -1,
	})
	require.NoError(q.t, err)
}

// publish stores n messages.
func (q *queue) publish(subject string, n int) {
	q.t.Helper()
	for range n {
		_, err := q.js.PublishAsync(subject, []byte("x"), jetstream.WithStallWait(patience))
		require.NoError(q.t, err)
	}
	select {
	case <-q.js.PublishAsyncComplete():
	case <-time.After(patience):
		require.Fail(q.t, "messages were not stored")
	}
}

// left is how many messages are in the stream.
func (q *queue) left() uint64 {
	q.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := q.js.Stream(ctx, "Q")
	require.NoError(q.t, err)
	return s.CachedInfo().State.Msgs
}

func (q *queue) eventuallyEmpty() {
	q.t.Helper()
	require.Eventually(q.t, func() bool { return q.left() == 0 }, patience, 10*time.Millisecond)
}

// eventuallyAcknowledged waits until nothing is to be delivered any more and all that the stream ever had is acknowledged. A restart of the
// broker can leave a message in the stream all the same (package topology's sweep removes it).
func (q *queue) eventuallyAcknowledged() {
	q.t.Helper()
	require.Eventually(q.t, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		s, err := q.js.Stream(ctx, "Q")
		require.NoError(q.t, err)
		c, err := s.Consumer(ctx, "c")
		require.NoError(q.t, err)
		info := c.CachedInfo()
		return info.NumPending == 0 && info.NumAckPending == 0 && info.AckFloor.Stream >= s.CachedInfo().State.LastSeq
	}, patience, 10*time.Millisecond)
}

// eventuallySent waits until the broker has sent so many messages of a consumer to whom has asked for them.
func (q *queue) eventuallySent(consumer string, n uint64) {
	q.t.Helper()
	require.Eventually(q.t, func() bool {
		c, err := q.js.Consumer(q.t.Context(), "Q", consumer)
		require.NoError(q.t, err)
		return c.CachedInfo().Delivered.Consumer >= n
	}, patience, time.Millisecond)
}

// subscriber makes a subscriber on a connection of its own, for the consumer "c" unless cfg says otherwise.
func (q *queue) subscriber(cfg natsjs.SubscriberConfig) *natsjs.Subscriber {
	q.t.Helper()
	if cfg.Sources == nil {
		cfg.Sources = sources(natsjs.Source{Stream: "Q", Consumer: "c", Weight: 1})
	}
	if cfg.DrainTimeout == 0 {
		cfg.DrainTimeout = 100 * time.Millisecond // of tests that do not care
	}
	sub, err := natsjs.NewSubscriber(q.broker.Connect(), cfg)
	require.NoError(q.t, err)
	q.t.Cleanup(func() { require.NoError(q.t, sub.Close()) })
	return sub
}

// subscribe is subscriber and Subscribe.
func (q *queue) subscribe(cfg natsjs.SubscriberConfig) (*natsjs.Subscriber, <-chan *message.Message) {
	q.t.Helper()
	sub := q.subscriber(cfg)
	out, err := sub.Subscribe(context.Background(), "topic")
	require.NoError(q.t, err)
	return sub, out
}

func sources(s ...natsjs.Source) func(string) ([]natsjs.Source, error) {
	return func(string) ([]natsjs.Source, error) { return s, nil }
}

// next waits for a message.
func next(t *testing.T, out <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case m, open := <-out:
		require.True(t, open, "the subscription has ended")
		return m
	case <-time.After(patience):
		require.Fail(t, "no message came")
		return nil
	}
}

func delivery(t *testing.T, m *message.Message) *natsjs.Delivery {
	t.Helper()
	d, ok := natsjs.DeliveryOf(m.Context())
	require.True(t, ok, "the message has no delivery")
	return d
}

// seen counts deliveries by place in the stream.
type seen struct {
	mu     sync.Mutex
	counts map[uint64]int
}

func (s *seen) add(d *natsjs.Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts == nil {
		s.counts = map[uint64]int{}
	}
	s.counts[d.Seq]++
}

func (s *seen) distinct() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.counts)
}

func (s *seen) repeated() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.counts {
		n += c - 1
	}
	return n
}

// closed closes a subscriber and tells whether that ends in time.
func closed(t *testing.T, sub *natsjs.Subscriber) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- sub.Close() }()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(patience):
		require.Fail(t, "Close hangs")
	}
}
