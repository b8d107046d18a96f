package natsjs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
	"github.com/fetchmill/fetchmill/internal/natsjs"
)

// selfProvisioned makes a stream for each topic and a consumer for each group, as Watermill's suite expects of a subscriber.
type selfProvisioned struct {
	*natsjs.Subscriber
	js    jetstream.JetStream
	group string
}

func (s selfProvisioned) SubscribeInitialize(topic string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := s.js.CreateStream(ctx, jetstream.StreamConfig{Name: topic, Subjects: []string{topic}, Storage: jetstream.MemoryStorage})
	if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return err
	}
	_, err = s.js.CreateOrUpdateConsumer(ctx, topic, jetstream.ConsumerConfig{
		Durable: s.group, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute, MaxAckPending: -1,
	})
	return err
}

func (s selfProvisioned) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if err := s.SubscribeInitialize(topic); err != nil {
		return nil, err
	}
	return s.Subscriber.Subscribe(ctx, topic)
}

// selfProvisioningPublisher makes the stream, which the suite may publish to before anyone subscribes.
type selfProvisioningPublisher struct {
	*natsjs.Publisher
	sub selfProvisioned
}

func (p selfProvisioningPublisher) Publish(topic string, messages ...*message.Message) error {
	err := p.Publisher.Publish(topic, messages...)
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		if err := p.sub.SubscribeInitialize(topic); err != nil {
			return err
		}
		err = p.Publisher.Publish(topic, messages...)
	}
	return err
}

func pubSub(t *testing.T, broker *brokertest.Broker, group string, workers int) (message.Publisher, message.Subscriber) {
	t.Helper()
	js := broker.JetStream()
	nc := js.Conn()
	pub, err := natsjs.NewPublisher(nc)
	require.NoError(t, err)
	sub, err := natsjs.NewSubscriber(nc, natsjs.SubscriberConfig{
		Workers: workers, DrainTimeout: 500 * time.Millisecond, NakDelay: 10 * time.Millisecond,
		Sources: func(topic string) ([]natsjs.Source, error) {
			return []natsjs.Source{{Stream: topic, Consumer: group, Weight: 1}}, nil
		},
	})
	require.NoError(t, err)
	own := selfProvisioned{sub, js, group}
	return selfProvisioningPublisher{pub, own}, own
}

// TestConformance is Watermill's own suite for persistent publishers and subscribers with consumer groups.
func TestConformance(t *testing.T) {
	broker := brokertest.New(t)
	features := tests.Features{ConsumerGroups: true, Persistent: true}
	tests.TestPubSub(t, features,
		func(t *testing.T) (message.Publisher, message.Subscriber) { return pubSub(t, broker, "all", 32) },
		func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
			return pubSub(t, broker, group, 32)
		})
}

// TestConformanceInOrder is the same suite with a single worker, which keeps the order.
func TestConformanceInOrder(t *testing.T) {
	broker := brokertest.New(t)
	features := tests.Features{ConsumerGroups: true, Persistent: true, GuaranteedOrder: true, GuaranteedOrderWithSingleSubscriber: true}
	tests.TestPubSub(t, features,
		func(t *testing.T) (message.Publisher, message.Subscriber) { return pubSub(t, broker, "all", 1) },
		func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
			return pubSub(t, broker, group, 1)
		})
}
