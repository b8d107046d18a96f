package natsjs_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/natsjs"
)

func TestOutages(t *testing.T) {
	t.Run("messages flow on by themselves over many restarts of the broker, and none is lost", func(t *testing.T) {
		const n, restarts = 3000, 6
		q := newQueue(t, 2*time.Second)
		q.publish("q.x", n)
		// A request that the broker loses while it starts is made anew after three heartbeats, which has to be well within patience.
		_, out := q.subscribe(natsjs.SubscriberConfig{Workers: 16, Heartbeat: time.Second})
		var s seen
		var workers sync.WaitGroup
		ctx, stop := context.WithCancel(t.Context())
		reached := make(chan struct{}, n) // one for each message seen for the first time
		for range 16 {
			workers.Go(func() {
				for {
					select {
					case <-ctx.Done():
						return
					case m := <-out:
						before := s.distinct()
						s.add(mustDelivery(m.Context()))
						m.Ack()
						if s.distinct() > before {
							select {
							case reached <- struct{}{}:
							default:
							}
						}
						<-time.After(time.Millisecond) // the work
					}
				}
			})
		}
		for range restarts {
			for range n / restarts / 3 {
				select {
				case <-reached:
				case <-time.After(patience):
					require.Fail(t, "messages do not flow on", "%d seen", s.distinct())
				}
			}
			q.broker.Stop()
			q.broker.Start()
		}
		require.Eventually(t, func() bool { return s.distinct() == n }, patience, 20*time.Millisecond, "%d seen", s.distinct())
		q.eventuallyAcknowledged()
		stop()
		workers.Wait()
	})

	t.Run("a consumer that is deleted and made again is found again", func(t *testing.T) {
		q := newQueue(t, time.Minute)
		_, out := q.subscribe(natsjs.SubscriberConfig{})
		for i := range 3 {
			q.publish("q.x", 5)
			for range 5 {
				next(t, out).Ack()
			}
			q.eventuallyEmpty()
			require.NoError(t, q.js.DeleteConsumer(t.Context(), "Q", "c"), "round %d", i)
			q.publish("q.x", 5)
			q.consumer("c", "q.>", time.Minute)
			for range 5 {
				next(t, out).Ack()
			}
			q.eventuallyEmpty()
		}
	})

	t.Run("a stream that is deleted and made again is found again", func(t *testing.T) {
		q := newQueue(t, time.Minute)
		_, out := q.subscribe(natsjs.SubscriberConfig{})
		q.publish("q.x", 1)
		next(t, out).Ack()
		require.NoError(t, q.js.DeleteStream(t.Context(), "Q"))
		_, err := q.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "Q", Subjects: []string{"q.>"}, Retention: jetstream.WorkQueuePolicy})
		require.NoError(t, err)
		q.consumer("c", "q.>", time.Minute)
		q.publish("q.x", 10)
		for range 10 {
			next(t, out).Ack()
		}
		q.eventuallyEmpty()
	})
}

func mustDelivery(ctx context.Context) *natsjs.Delivery {
	d, ok := natsjs.DeliveryOf(ctx)
	if !ok {
		panic("the message has no delivery")
	}
	return d
}

func TestSubscribeRefuses(t *testing.T) {
	q := newQueue(t, time.Minute)
	for _, row := range []struct {
		name   string
		source natsjs.Source
		says   string
	}{
		{"a missing stream, and says what to do", natsjs.Source{Stream: "NO", Consumer: "c"}, "fetchmill setup"},
		{"a missing consumer, and says what to do", natsjs.Source{Stream: "Q", Consumer: "no"}, "fetchmill setup"},
	} {
		t.Run(row.name, func(t *testing.T) {
			sub := q.subscriber(natsjs.SubscriberConfig{
				Sources: sources(natsjs.Source{Stream: "Q", Consumer: "c"}, row.source),
			})
			_, err := sub.Subscribe(t.Context(), "topic")
			require.ErrorContains(t, err, row.says)
			require.ErrorContains(t, err, row.source.Stream)
			require.ErrorContains(t, err, row.source.Consumer)
		})
	}
	t.Run("a topic without sources", func(t *testing.T) {
		_, err := q.subscriber(natsjs.SubscriberConfig{Sources: sources()}).Subscribe(t.Context(), "topic")
		require.ErrorContains(t, err, "no sources")
	})
	t.Run("a topic that nobody knows", func(t *testing.T) {
		unknown := fmt.Errorf("no such topic")
		_, err := q.subscriber(natsjs.SubscriberConfig{
			Sources: func(string) ([]natsjs.Source, error) { return nil, unknown },
		}).Subscribe(t.Context(), "topic")
		require.ErrorIs(t, err, unknown)
	})
	t.Run("a heartbeat that the broker would refuse", func(t *testing.T) {
		_, err := natsjs.NewSubscriber(q.nc, natsjs.SubscriberConfig{Sources: sources(), Heartbeat: time.Minute})
		require.ErrorContains(t, err, "heartbeat")
	})
}
