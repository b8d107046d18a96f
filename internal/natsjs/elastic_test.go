package natsjs_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/natsjs"
)

// take takes n messages and makes sure that there are no more on offer.
func take(t *testing.T, out <-chan *message.Message, n int) []*message.Message {
	t.Helper()
	var list []*message.Message
	for range n {
		list = append(list, next(t, out))
	}
	none(t, out)
	return list
}

func bundle(t *testing.T, m *message.Message) *natsjs.Bundle {
	t.Helper()
	b, ok := natsjs.BundleOf(m.Context())
	require.True(t, ok, "the message has no bundle")
	return b
}

func TestSetWorkers(t *testing.T) {
	t.Run("more workers get more messages at once, and fewer finish first what is under way", func(t *testing.T) {
		q := newQueue(t, time.Minute)
		q.publish("q.x", 400)
		sub, out := q.subscribe(natsjs.SubscriberConfig{Workers: 3})
		held := take(t, out, 3)

		sub.SetWorkers(100)
		held = append(held, take(t, out, 97)...)
		require.Equal(t, []int{100, 100}, []int{sub.Load().Limit, sub.Load().Working})

		sub.SetWorkers(0) // at least 1
		for _, m := range held[1:] {
			m.Ack()
			none(t, out)
		}
		held[0].Ack()
		last := take(t, out, 1)

		sub.SetWorkers(1000)
		rest := take(t, out, 299)
		for _, m := range append(last, rest...) {
			m.Ack()
		}
		q.eventuallyEmpty()
		require.Zero(t, sub.Load().Working)
	})

	t.Run("it holds for subscriptions that begin later", func(t *testing.T) {
		q := newQueue(t, time.Minute)
		q.publish("q.x", 20)
		sub := q.subscriber(natsjs.SubscriberConfig{Workers: 1})
		sub.SetWorkers(5)
		out, err := sub.Subscribe(context.Background(), "topic")
		require.NoError(t, err)
		take(t, out, 5)
	})

	t.Run("under load there are as many handlers as allowed, and never more", func(t *testing.T) {
		q := newQueue(t, time.Minute)
		q.publish("q.x", 3000)
		sub, out := q.subscribe(natsjs.SubscriberConfig{Workers: 4})
		var mu sync.Mutex
		running, holding, allowed := 0, 0, 4 // holding are those of running that wait for hold
		hold := make(chan struct{})
		var exceeded []string
		var wg sync.WaitGroup
		defer wg.Wait()
		defer closed(t, sub)
		wg.Go(func() {
			for m := range out {
				mu.Lock()
				running++
				holding++
				until := hold
				if running > allowed {
					exceeded = append(exceeded, fmt.Sprintf("%d of %d", running, allowed))
				}
				mu.Unlock()
				wg.Go(func() {
					<-until
					work()
					mu.Lock()
					running--
					mu.Unlock()
					m.Ack()
				})
			}
		})
		release := func(n int) (held chan struct{}) {
			mu.Lock()
			defer mu.Unlock()
			held, hold, holding = hold, make(chan struct{}), 0
			allowed = max(n, allowed)
			sub.SetWorkers(n)
			return held
		}
		defer func() { close(release(1)) }()
		for _, n := range []int{2, 32, 1, 100, 3} {
			close(release(n))
			require.Eventually(t, func() bool {
				mu.Lock()
				defer mu.Unlock()
				if l := sub.Load(); l.Working <= l.Limit { // what was started under a higher limit has ended
					allowed = l.Limit
				}
				return holding == n && running == n && allowed == n
			}, patience, time.Millisecond, "%d workers", n)
		}
		mu.Lock()
		defer mu.Unlock()
		require.Empty(t, exceeded)
	})
}

func TestPark(t *testing.T) {
	t.Run("a parked worker's place goes to another message, and comes back when that is done", func(t *testing.T) {
		q := newQueue(t, time.Minute)
		q.publish("q.x", 20)
		sub, out := q.subscribe(natsjs.SubscriberConfig{Workers: 2})
		first := take(t, out, 2)
		resume := bundle(t, first[0]).Park()
		require.Equal(t, 1, sub.Load().Parked)
		second := take(t, out, 1)

		resume()
		resume() // once is enough
		require.Equal(t, []int{3, 0}, []int{sub.Load().Working, sub.Load().Parked}, "nobody waits to go on")
		second[0].Ack()
		none(t, out)
		first[0].Ack()
		take(t, out, 1)
	})

	t.Run("a message that ends while it is parked leaves no place behind", func(t *testing.T) {
		q := newQueue(t, time.Minute)
		q.publish("q.x", 20)
		sub, out := q.subscribe(natsjs.SubscriberConfig{Workers: 1})
		m := take(t, out, 1)[0]
		resume := bundle(t, m).Park()
		m.Ack()
		take(t, out, 1)
		require.Eventually(t, func() bool { return sub.Load().Parked == 0 }, patience, time.Millisecond)
		resume() // too late
		bundle(t, m).Park()
		require.Zero(t, sub.Load().Parked, "what has ended cannot be parked")
		none(t, out)
	})

	t.Run("parking twice frees one place", func(t *testing.T) {
		q := newQueue(t, time.Minute)
		q.publish("q.x", 20)
		sub, out := q.subscribe(natsjs.SubscriberConfig{Workers: 1})
		b := bundle(t, take(t, out, 1)[0])
		resume, inner := b.Park(), b.Park()
		require.Equal(t, 1, sub.Load().Parked)
		inner()
		require.Equal(t, 1, sub.Load().Parked, "the inner one has done nothing")
		resume()
		require.Zero(t, sub.Load().Parked)
	})

	t.Run("when too many are parked, the next one keeps its place", func(t *testing.T) {
		q := newQueue(t, time.Minute)
		q.publish("q.x", 20)
		sub, out := q.subscribe(natsjs.SubscriberConfig{Workers: 1, MaxParked: 3})
		var resume []func()
		for range 4 {
			resume = append(resume, bundle(t, take(t, out, 1)[0]).Park())
		}
		none(t, out)
		require.Equal(t, []int{1, 3}, []int{sub.Load().Working, sub.Load().Parked})
		resume[3]()
		require.Equal(t, []int{1, 3}, []int{sub.Load().Working, sub.Load().Parked})
		resume[0]()
		require.Equal(t, []int{2, 2}, []int{sub.Load().Working, sub.Load().Parked})
	})

	t.Run("the rest of its bundle goes to others", func(t *testing.T) {
		q := newQueue(t, time.Minute)
		q.publish("q.x", 30)
		_, out := q.subscribe(natsjs.SubscriberConfig{Workers: 1, MaxBundle: 10})
		var b *natsjs.Bundle
		var m *message.Message
		for m = next(t, out); ; m = next(t, out) { // at first they come as they arrive
			if b = bundle(t, m); b.Len() > 1 {
				break
			}
			m.Ack()
		}
		parked := b.Next()
		resume := b.Park()
		require.Equal(t, 1, b.Len())
		got := map[uint64]bool{parked.Seq: true}
		for {
			other := next(t, out)
			for d := bundle(t, other).Next(); d != nil; d = bundle(t, other).Next() {
				require.False(t, got[d.Seq])
				got[d.Seq] = true
			}
			other.Ack()
			if got[30] {
				break
			}
		}
		for seq := parked.Seq; seq <= 30; seq++ {
			require.True(t, got[seq], "message %d was left behind", seq)
		}
		resume()
		m.Ack()
		q.eventuallyEmpty()
	})
}
