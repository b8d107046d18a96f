package natsjs_test

import (
	"context"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fetchmill/fetchmill/internal/leaktest"
	"github.com/fetchmill/fetchmill/internal/natsjs"
)

// The broker of these tests waits an hour before it delivers again by itself, so only a hand-back explains what comes again.

func TestDrain(t *testing.T) {
	t.Run("what is under way when the context ends can still be acknowledged, and the rest is handed back at once", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		q.publish("q.x", 3000)
		ctx, end := context.WithCancel(t.Context())
		out, err := q.subscriber(natsjs.SubscriberConfig{Workers: 8, DrainTimeout: time.Hour}).Subscribe(ctx, "topic")
		require.NoError(t, err)
		done := 0
		for range 1000 { // fast, so that the look-ahead is large
			next(t, out).Ack()
			done++
		}
		var underWay []*message.Message
		for range 8 {
			underWay = append(underWay, next(t, out))
		}
		end()
		for m := range out { // one may have been on its way to us
			underWay = append(underWay, m)
		}
		for _, m := range underWay {
			require.NoError(t, m.Context().Err())
			m.Ack()
			done++
		}

		var again seen
		_, other := q.subscribe(natsjs.SubscriberConfig{Workers: 64})
		for range 3000 - done {
			m := next(t, other)
			again.add(delivery(t, m))
			m.Ack()
		}
		require.Equal(t, 3000-done, again.distinct(), "what was acknowledged came again")
		q.eventuallyEmpty()
	})

	t.Run("what the broker has sent and nobody has seen is handed back at once", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		q.publish("q.x", 5000)
		done := 0
		for done < 4000 {
			ctx, end := context.WithCancel(t.Context())
			sub := q.subscriber(natsjs.SubscriberConfig{Workers: 64, DrainTimeout: time.Hour})
			out, err := sub.Subscribe(ctx, "topic")
			require.NoError(t, err)
			for range 200 {
				next(t, out).Ack()
				done++
			}
			end() // while messages pour in
			for m := range out {
				m.Ack()
				done++
			}
			closed(t, sub)
		}
		q.all(5000 - done)
	})

	t.Run("what is still under way after the drain time is handed back at once, and its context ends", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		q.publish("q.x", 50)
		sub, out := q.subscribe(natsjs.SubscriberConfig{Workers: 4, DrainTimeout: 50 * time.Millisecond})
		var held []*message.Message
		for range 4 {
			held = append(held, next(t, out))
		}
		closed(t, sub)
		for _, m := range held {
			<-m.Context().Done()
		}
		q.all(50)
	})

	t.Run("Hurry ends a long drain time", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		q.publish("q.x", 50)
		sub, out := q.subscribe(natsjs.SubscriberConfig{Workers: 4, DrainTimeout: time.Hour})
		for range 4 {
			next(t, out)
		}
		sub.Hurry()
		closed(t, sub)
		q.all(50)
	})

	t.Run("a decision made before the drain time is over holds", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		q.publish("q.x", 400)
		sub, out := q.subscribe(natsjs.SubscriberConfig{Workers: 400, DrainTimeout: time.Hour})
		var held []*message.Message
		for range 400 {
			held = append(held, next(t, out))
		}
		for _, m := range held {
			m.Ack()
		}
		sub.Hurry()
		closed(t, sub)
		q.eventuallyEmpty()
	})

	t.Run("a subscription that nobody reads from ends too", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		q.publish("q.x", 50)
		sub, _ := q.subscribe(natsjs.SubscriberConfig{Workers: 4})
		closed(t, sub)
		q.all(50)
	})

	t.Run("no goroutine is left, and the connection is still good", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		q.publish("q.x", 1)
		subscriptions := q.nc.NumSubscriptions()
		before := goleak.IgnoreCurrent()
		sub, err := natsjs.NewSubscriber(q.nc, natsjs.SubscriberConfig{
			Sources: sources(natsjs.Source{Stream: "Q", Consumer: "c"}), DrainTimeout: 50 * time.Millisecond,
		})
		require.NoError(t, err)
		for range 3 {
			q.publish("q.x", 100)
			ctx, end := context.WithCancel(t.Context())
			out, err := sub.Subscribe(ctx, "topic")
			require.NoError(t, err)
			for range 50 {
				next(t, out).Ack()
			}
			next(t, out) // never answered
			end()
		}
		closed(t, sub)
		require.Eventually(t, func() bool { return q.nc.NumSubscriptions() == subscriptions }, patience, time.Millisecond)
		require.NoError(t, q.nc.Flush())
		leaktest.None(t, before, goleak.IgnoreTopFunction("github.com/nats-io/nats%2ego.(*Conn).waitForMsgs"),
			goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*Server).startGoRoutine.func1"))

		_, err = sub.Subscribe(t.Context(), "topic")
		require.ErrorIs(t, err, natsjs.ErrClosed)
		require.NoError(t, sub.Close(), "a second time")
	})

	t.Run("a connection that is closed for good ends the subscription", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		nc := q.broker.Connect()
		sub, err := natsjs.NewSubscriber(nc, natsjs.SubscriberConfig{
			Sources: sources(natsjs.Source{Stream: "Q", Consumer: "c"}), DrainTimeout: time.Hour,
		})
		require.NoError(t, err)
		q.publish("q.x", 1)
		out, err := sub.Subscribe(t.Context(), "topic")
		require.NoError(t, err)
		m := next(t, out)
		nc.Close()
		select {
		case _, open := <-out:
			require.False(t, open)
		case <-time.After(patience):
			require.Fail(t, "the subscription goes on")
		}
		<-m.Context().Done()
		closed(t, sub)
	})
}

// all makes sure that a new subscriber gets n messages, which are all there are.
func (q *queue) all(n int) {
	q.t.Helper()
	var s seen
	_, out := q.subscribe(natsjs.SubscriberConfig{Workers: n})
	for range n {
		m := next(q.t, out)
		s.add(delivery(q.t, m))
		m.Ack()
	}
	require.Equal(q.t, n, s.distinct())
	q.eventuallyEmpty()
}
