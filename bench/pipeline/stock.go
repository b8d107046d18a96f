package pipeline

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wmjs "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/jetstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// stockHandlers is how many handlers each hop has: stock subscriptions do one message at a time, so parallelism takes
// many of them. More did not help.
const stockHandlers = 64

// stock moves n messages over the hops with Watermill's router on stock watermill-nats, as its users would write it.
// It returns how long it took.
func stock(ctx context.Context, url string, list []hop, n int) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		return 0, err
	}
	done := make(chan struct{})
	var passed atomic.Int64
	for i, h := range list {
		after := func() {}
		if i == len(list)-1 {
			after = func() {
				if passed.Add(1) == int64(n) {
					close(done)
				}
			}
		}
		if err := stockHop(router, url, h, after); err != nil {
			return 0, err
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- router.Run(ctx) }()
	select {
	case <-router.Running():
	case err := <-ended:
		return 0, err
	}
	nc, err := nats.Connect(url)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	start := time.Now()
	if err := produce(ctx, nc, n); err != nil {
		return 0, err
	}
	select {
	case <-done:
	case err := <-ended:
		return 0, fmt.Errorf("router ended: %w", err)
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	elapsed := time.Since(start)
	return elapsed, router.Close()
}

func stockHop(router *message.Router, url string, h hop, after func()) error {
	publisher, err := wmjs.NewPublisher(wmjs.PublisherConfig{URL: url, Logger: watermill.NopLogger{}})
	if err != nil {
		return err
	}
	subscriber, err := wmjs.NewSubscriber(wmjs.SubscriberConfig{
		URL: url, Logger: watermill.NopLogger{},
		ResourceInitializer: wmjs.ExistingConsumer(func(string, string) jetstream.ConsumerConfig {
			return jetstream.ConsumerConfig{Name: h.consumer}
		}, ""),
	})
	if err != nil {
		return err
	}
	var published atomic.Int64
	for k := range stockHandlers {
		router.AddConsumerHandler(fmt.Sprintf("%s %d", h.stream, k), h.stream, subscriber, func(m *message.Message) error {
			id := fmt.Sprintf("k%025d.%s", published.Add(1), h.stream)
			next := message.NewMessage(id, h.next.Data)
			maps.Copy(next.Metadata, h.next.Header)
			next.Metadata[events.HeaderMsgID] = id
			if err := publisher.Publish(h.next.Subject, next); err != nil {
				return err
			}
			after()
			return nil
		})
	}
	return nil
}
