package natsjs_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	stockjs "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/jetstream"
	stock "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/broker/brokertest"
	"github.com/fetchmill/fetchmill/internal/natsjs"
)

// topic is a stream's name and its only subject, as the stock packages have it.
const topic = "interop"

func samples() []*message.Message {
	var list []*message.Message
	for i, payload := range []string{"plain", "", "\x00\xff\r\n", `{"json":true}`} {
		m := message.NewMessage(fmt.Sprintf("uuid-%d", i), []byte(payload))
		m.Metadata.Set("plain", "value")
		m.Metadata.Set("ce-type", "grüße, \"quoted\"")
		list = append(list, m)
	}
	return list
}

func requireSamples(t *testing.T, out <-chan *message.Message) {
	t.Helper()
	for _, want := range samples() {
		m := next(t, out)
		require.Equal(t, want.UUID, m.UUID)
		require.Equal(t, want.Metadata, m.Metadata)
		require.Equal(t, string(want.Payload), string(m.Payload))
		m.Ack()
	}
}

func interopBroker(t *testing.T) *brokertest.Broker {
	t.Helper()
	broker := brokertest.New(t)
	js := broker.JetStream()
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: topic, Subjects: []string{topic}})
	require.NoError(t, err)
	_, err = js.CreateConsumer(t.Context(), topic, jetstream.ConsumerConfig{Durable: "c", AckPolicy: jetstream.AckExplicitPolicy})
	require.NoError(t, err)
	return broker
}

func TestStockPublishersReachOurSubscriber(t *testing.T) {
	for name, publisher := range map[string]func(t *testing.T, url string) message.Publisher{
		"pkg/nats": func(t *testing.T, url string) message.Publisher {
			p, err := stock.NewPublisher(stock.PublisherConfig{URL: url}, watermill.NopLogger{})
			require.NoError(t, err)
			return p
		},
		"pkg/jetstream": func(t *testing.T, url string) message.Publisher {
			p, err := stockjs.NewPublisher(stockjs.PublisherConfig{URL: url, Logger: watermill.NopLogger{}})
			require.NoError(t, err)
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			broker := interopBroker(t)
			p := publisher(t, broker.URL())
			defer func() { require.NoError(t, p.Close()) }()
			require.NoError(t, p.Publish(topic, samples()...))

			sub, err := natsjs.NewSubscriber(broker.Connect(), natsjs.SubscriberConfig{
				Workers: 1, Sources: sources(natsjs.Source{Stream: topic, Consumer: "c"}),
			})
			require.NoError(t, err)
			defer closed(t, sub)
			out, err := sub.Subscribe(context.Background(), topic)
			require.NoError(t, err)
			requireSamples(t, out)
		})
	}
}

func TestOurPublisherReachesStockSubscribers(t *testing.T) {
	for name, subscriber := range map[string]func(t *testing.T, url string) message.Subscriber{
		"pkg/nats": func(t *testing.T, url string) message.Subscriber {
			s, err := stock.NewSubscriber(stock.SubscriberConfig{
				URL: url, CloseTimeout: 5 * time.Second,
				JetStream: stock.JetStreamConfig{SubscribeOptions: []nats.SubOpt{nats.DeliverAll(), nats.AckExplicit()}},
			}, watermill.NopLogger{})
			require.NoError(t, err)
			return s
		},
		"pkg/jetstream": func(t *testing.T, url string) message.Subscriber {
			s, err := stockjs.NewSubscriber(stockjs.SubscriberConfig{
				URL: url, Logger: watermill.NopLogger{},
				ResourceInitializer: stockjs.ExistingConsumer(func(string, string) jetstream.ConsumerConfig {
					return jetstream.ConsumerConfig{Name: "c"}
				}, ""),
			})
			require.NoError(t, err)
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			broker := interopBroker(t)
			p, err := natsjs.NewPublisher(broker.Connect())
			require.NoError(t, err)
			require.NoError(t, p.Publish(topic, samples()...))

			s := subscriber(t, broker.URL())
			out, err := s.Subscribe(t.Context(), topic)
			require.NoError(t, err)
			requireSamples(t, out)
			require.NoError(t, s.Close())
		})
	}
}
