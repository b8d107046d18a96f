package natsjs_test

import (
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/natsjs"
)

func TestNack(t *testing.T) {
	t.Run("brings a message again after the default rest", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		q.publish("q.x", 1)
		_, out := q.subscribe(natsjs.SubscriberConfig{NakDelay: 300 * time.Millisecond})
		m := next(t, out)
		nacked := time.Now()
		m.Nack()

		m = next(t, out)
		require.GreaterOrEqual(t, time.Since(nacked), 290*time.Millisecond)
		require.Equal(t, 2, delivery(t, m).Attempt)
		m.Ack()
		q.eventuallyEmpty()
	})

	t.Run("heeds the rest that the handler asks for", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		q.publish("q.x", 1)
		_, out := q.subscribe(natsjs.SubscriberConfig{NakDelay: time.Hour})
		var nacked time.Time
		for attempt := 1; attempt <= 3; attempt++ {
			m := next(t, out)
			require.GreaterOrEqual(t, time.Since(nacked), 140*time.Millisecond)
			d := delivery(t, m)
			require.Equal(t, attempt, d.Attempt)
			d.RetryAfter(150 * time.Millisecond)
			nacked = time.Now()
			m.Nack()
		}
		m := next(t, out)
		require.GreaterOrEqual(t, time.Since(nacked), 140*time.Millisecond)
		m.Ack()
		q.eventuallyEmpty()
	})

	t.Run("does not hold up other messages", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		q.publish("q.x", 20)
		_, out := q.subscribe(natsjs.SubscriberConfig{Workers: 1, NakDelay: time.Hour})
		for range 10 {
			next(t, out).Nack()
			next(t, out).Ack()
		}
	})
}

// The broker hears of what is held every 10 to 15 s, so that a machine that stands still for as long changes nothing.
const (
	keptAckWait = 30 * time.Second
	keptTime    = keptAckWait + 10*time.Second
)

func TestKeptAlive(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name             string
		workers, stalled int
	}{
		{"a message is delivered once although its handler takes longer than the broker's patience", 4, 4},
		{"messages that wait for a worker are delivered once too", 1, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			q := newQueue(t, keptAckWait)
			q.publish("q.x", 600)
			_, out := q.subscribe(natsjs.SubscriberConfig{Workers: row.workers})
			var s seen
			take := func() *message.Message {
				m := next(t, out)
				s.add(delivery(t, m))
				return m
			}
			for range 300 { // fast, so that the look-ahead grows
				take().Ack()
			}
			var held []*message.Message
			for range row.stalled {
				held = append(held, take())
			}
			<-time.After(keptTime) // what the handlers do takes this long
			for _, m := range held {
				m.Ack()
			}
			for range 300 - row.stalled {
				take().Ack()
			}
			q.eventuallyEmpty()
			require.Equal(t, 600, s.distinct())
			require.Zero(t, s.repeated())
		})
	}

	t.Run("a parked message is delivered once, and its time does not count as work", func(t *testing.T) {
		t.Parallel()
		q := newQueue(t, keptAckWait)
		q.publish("q.x", 1)
		sub, out := q.subscribe(natsjs.SubscriberConfig{Workers: 1})
		m := next(t, out)
		resume := bundle(t, m).Park()
		before := sub.Load().Busy
		select {
		case again := <-out:
			require.Fail(t, "delivered again", "attempt %d", delivery(t, again).Attempt)
		case <-time.After(keptTime):
		}
		require.Equal(t, before, sub.Load().Busy)
		resume()
		m.Ack()
		q.eventuallyEmpty()
	})
}
