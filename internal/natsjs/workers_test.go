package natsjs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/natsjs"
)

func TestWorkers(t *testing.T) {
	for _, workers := range []int{1, 2, 7, 300} {
		t.Run(fmt.Sprintf("%d messages are in flight at the same time, and never more", workers), func(t *testing.T) {
			q := newQueue(t, time.Minute)
			q.publish("q.x", 3*workers+10)
			_, out := q.subscribe(natsjs.SubscriberConfig{Workers: workers})

			var inFlight []*message.Message
			for range workers {
				inFlight = append(inFlight, next(t, out)) // none is answered before all are here
			}
			none(t, out)
			for range 2*workers + 10 {
				inFlight[0].Ack()
				inFlight = append(inFlight[1:], next(t, out)) // one answer makes room for one
				if workers < 10 {
					none(t, out)
				}
			}
			for _, m := range inFlight {
				m.Ack()
			}
			q.eventuallyEmpty()
		})
	}
}

// none makes sure that no message is on offer. One that should not be would come at once, since it has arrived already.
func none(t *testing.T, out <-chan *message.Message) {
	t.Helper()
	select {
	case <-out:
		require.Fail(t, "a message more than there are workers")
	case <-time.After(20 * time.Millisecond):
	}
}

// work keeps a worker busy for longer than a message needs from the broker: weights share out what is scarce, the workers.
func work() { <-time.After(2 * time.Millisecond) }

// lanes makes three consumers, most urgent first, and their sources.
func (q *queue) lanes() []natsjs.Source {
	q.t.Helper()
	require.NoError(q.t, q.js.DeleteConsumer(q.t.Context(), "Q", "c"))
	var s []natsjs.Source
	for _, l := range []struct {
		name   string
		weight int
	}{{"high", 8}, {"normal", 4}, {"low", 1}} {
		q.consumer(l.name, "q."+l.name, time.Minute)
		s = append(s, natsjs.Source{Stream: "Q", Consumer: l.name, Weight: l.weight})
	}
	return s
}

func TestLanes(t *testing.T) {
	for _, workers := range []int{1, 8} {
		t.Run(fmt.Sprintf("%d workers are shared by weight, and no lane starves", workers), func(t *testing.T) {
			q := newQueue(t, time.Minute)
			s := q.lanes()
			for _, l := range s {
				q.publish("q."+l.Consumer, 400)
			}
			_, out := q.subscribe(natsjs.SubscriberConfig{Workers: workers, Sources: sources(s...)})

			got := map[string]int{}
			for range 260 {
				m := next(t, out)
				got[delivery(t, m).Consumer]++
				work()
				m.Ack()
			}
			require.InDelta(t, 160, got["high"], 25, "%v", got)
			require.InDelta(t, 80, got["normal"], 20, "%v", got)
			require.InDelta(t, 20, got["low"], 10, "%v", got)
		})
	}

	t.Run("an urgent message overtakes a backlog", func(t *testing.T) {
		q := newQueue(t, time.Minute)
		s := q.lanes()
		q.publish("q.low", 5000)
		_, out := q.subscribe(natsjs.SubscriberConfig{Workers: 4, Sources: sources(s...)})
		for range 200 { // in full swing
			next(t, out).Ack()
		}
		q.publish("q.high", 1)
		q.eventuallySent("high", 1)
		// What the broker had sent before may still come first, and at most as much is started meanwhile.
		for n := 0; ; n++ {
			m := next(t, out)
			m.Ack()
			if delivery(t, m).Consumer == "high" {
				t.Logf("started after %d others", n)
				return
			}
			require.Less(t, n, 1000)
		}
	})

	t.Run("a lane alone gets all workers", func(t *testing.T) {
		q := newQueue(t, time.Minute)
		s := q.lanes()
		q.publish("q.low", 8)
		_, out := q.subscribe(natsjs.SubscriberConfig{Workers: 8, Sources: sources(s...)})
		var held []*message.Message
		for range 8 {
			held = append(held, next(t, out))
		}
		for _, m := range held {
			m.Ack()
		}
	})
}
