package natsjs_test

import (
	"bufio"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/natsjs"
)

const heartbeat = 100 * time.Millisecond

func TestSilence(t *testing.T) {
	t.Run("requests that were lost are made again", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		wire := newLossyWire(t, strings.TrimPrefix(q.broker.URL(), "nats://"))
		nc, err := nats.Connect("nats://"+wire.addr, nats.Timeout(patience))
		require.NoError(t, err)
		defer nc.Close()
		sub, err := natsjs.NewSubscriber(nc, natsjs.SubscriberConfig{
			Sources: sources(natsjs.Source{Stream: "Q", Consumer: "c"}), Heartbeat: heartbeat, DrainTimeout: time.Second,
		})
		require.NoError(t, err)
		defer closed(t, sub)

		wire.swallow.Store(true)
		out, err := sub.Subscribe(t.Context(), "topic")
		require.NoError(t, err)
		q.publish("q.x", 3)
		require.Eventually(t, func() bool { return wire.swallowed.Load() >= 2 }, patience, heartbeat/10, "it asks again")
		wire.swallow.Store(false)
		for range 3 {
			next(t, out).Ack()
		}
		q.eventuallyEmpty()
	})

	t.Run("a consumer that shows life and delivers nothing is asked from a new inbox", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		var inboxes sync.Map
		watch, err := q.nc.Subscribe("$JS.API.CONSUMER.MSG.NEXT.Q.c", func(m *nats.Msg) { inboxes.Store(m.Reply, true) })
		require.NoError(t, err)
		defer func() { require.NoError(t, watch.Unsubscribe()) }()
		require.NoError(t, q.nc.Flush())
		count := func() (n int) {
			inboxes.Range(func(any, any) bool { n++; return true })
			return n
		}
		// A paused consumer is just that: it has messages, sends heartbeats, and delivers nothing.
		_, err = q.js.PauseConsumer(t.Context(), "Q", "c", time.Now().Add(time.Hour))
		require.NoError(t, err)
		_, out := q.subscribe(natsjs.SubscriberConfig{Heartbeat: heartbeat})

		require.Never(t, func() bool { return count() > 1 }, 6*heartbeat, heartbeat, "an idle consumer is not stale")
		q.publish("q.x", 500)
		require.Eventually(t, func() bool { return count() >= 3 }, patience, heartbeat/10)
		_, err = q.js.ResumeConsumer(t.Context(), "Q", "c")
		require.NoError(t, err)
		var s seen
		for range 500 {
			m := next(t, out)
			s.add(delivery(t, m))
			m.Ack()
		}
		q.eventuallyEmpty()
		require.Equal(t, 500, s.distinct(), "no message went to an inbox that was given up")
	})
}

// lossyWire passes a connection on to a broker, and swallows requests for messages while it is told to.
type lossyWire struct {
	addr      string
	swallow   atomic.Bool
	swallowed atomic.Int64
}

func newLossyWire(t *testing.T, to string) *lossyWire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &lossyWire{addr: l.Addr().String()}
	var passing sync.WaitGroup
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		passing.Wait()
	})
	passing.Go(func() {
		client, err := l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", to)
		if err != nil {
			_ = client.Close()
			return
		}
		passing.Go(func() {
			_, _ = io.Copy(client, server)
			_ = client.Close()
		})
		w.pass(client, server)
		_ = server.Close()
	})
	return w
}

// pass understands as much of the client's protocol as it takes to leave whole messages out.
func (w *lossyWire) pass(client io.Reader, server io.Writer) {
	r := bufio.NewReader(client)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		whole := []byte(line)
		if f := strings.Fields(line); strings.HasPrefix(line, "PUB ") || strings.HasPrefix(line, "HPUB ") {
			size, err := strconv.Atoi(f[len(f)-1])
			if err != nil {
				return
			}
			body := make([]byte, size+len("\r\n"))
			if _, err := io.ReadFull(r, body); err != nil {
				return
			}
			if w.swallow.Load() && strings.HasPrefix(f[1], "$JS.API.CONSUMER.MSG.NEXT.") {
				w.swallowed.Add(1)
				continue
			}
			whole = append(whole, body...)
		}
		if _, err := server.Write(whole); err != nil {
			return
		}
	}
}
