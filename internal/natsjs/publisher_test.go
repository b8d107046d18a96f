package natsjs_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/natsjs"
)

func (q *queue) publisher() *natsjs.Publisher {
	q.t.Helper()
	p, err := natsjs.NewPublisher(q.broker.Connect())
	require.NoError(q.t, err)
	return p
}

// limit changes the stream.
func (q *queue) limit(change func(*jetstream.StreamConfig)) {
	q.t.Helper()
	s, err := q.js.Stream(q.t.Context(), "Q")
	require.NoError(q.t, err)
	cfg := s.CachedInfo().Config
	change(&cfg)
	_, err = q.js.UpdateStream(q.t.Context(), cfg)
	require.NoError(q.t, err)
}

func plain(text string) *message.Message { return message.NewMessage("u", []byte(text)) }

func TestPublisher(t *testing.T) {
	t.Run("says that a stream is full, and succeeds when there is room", func(t *testing.T) {
		for name, fill := range map[string]func(*jetstream.StreamConfig){
			"messages": func(c *jetstream.StreamConfig) { c.MaxMsgs = 2 },
			"bytes":    func(c *jetstream.StreamConfig) { c.MaxBytes = 200 },
		} {
			q := newQueue(t, time.Hour)
			q.limit(fill)
			p := q.publisher()
			full := func() bool { return p.Publish("q.x", plain("x")) != nil }
			require.Eventually(t, full, patience, time.Millisecond, name)
			before := q.left()
			err := p.Publish("q.x", plain("x"))
			require.ErrorIs(t, err, natsjs.ErrFull, name)
			require.NotErrorIs(t, err, natsjs.ErrTooLarge, name)
			require.Equal(t, before, q.left(), "nothing was stored")

			_, out := q.subscribe(natsjs.SubscriberConfig{})
			next(t, out).Ack()
			require.Eventually(t, func() bool { return !full() }, patience, 10*time.Millisecond, name)
		}
	})

	t.Run("says that a message is too large", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		p := q.publisher()
		require.ErrorIs(t, p.Publish("q.x", plain(strings.Repeat("x", 2<<20))), natsjs.ErrTooLarge, "for the broker")

		headers := plain("x")
		headers.Metadata.Set("h", strings.Repeat("x", 70<<10))
		require.ErrorIs(t, p.Publish("q.x", headers), natsjs.ErrTooLarge, "its headers")

		q.limit(func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1000 })
		require.ErrorIs(t, p.Publish("q.x", plain(strings.Repeat("x", 2000))), natsjs.ErrTooLarge, "for the stream")
		require.NoError(t, p.Publish("q.x", plain("x")))
		require.EqualValues(t, 1, q.left())
	})

	t.Run("tells which messages the stream already had", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		p := q.publisher()
		msg := func(id string) *nats.Msg {
			return natsjs.NewMsg("q.x", id, map[string]string{nats.MsgIdHdr: id}, []byte("x"))
		}
		require.Equal(t, []natsjs.Receipt{{}, {}}, p.Send(t.Context(), msg("a"), msg("b")))
		require.Equal(t, []natsjs.Receipt{{Duplicate: true}, {}, {Duplicate: true}, {Duplicate: true}},
			p.Send(t.Context(), msg("b"), msg("c"), msg("a"), msg("c")))
		require.EqualValues(t, 3, q.left())
	})

	t.Run("stores the good ones beside a bad one", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		q.limit(func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1000 })
		receipts := q.publisher().Send(t.Context(),
			natsjs.NewMsg("q.a", "1", nil, []byte("x")),
			natsjs.NewMsg("q.b", "2", nil, make([]byte, 2000)),
			natsjs.NewMsg("q.c", "3", nil, []byte("x")))
		require.NoError(t, receipts[0].Err)
		require.ErrorIs(t, receipts[1].Err, natsjs.ErrTooLarge)
		require.ErrorContains(t, receipts[1].Err, "q.b")
		require.NoError(t, receipts[2].Err)
		require.EqualValues(t, 2, q.left())
	})

	t.Run("fails where no stream listens, and where the context has ended", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		p := q.publisher()
		require.ErrorIs(t, p.Publish("nowhere", plain("x")), jetstream.ErrNoStreamResponse)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, p.Send(ctx, natsjs.NewMsg("nowhere", "u", nil, nil))[0].Err, context.Canceled)
	})

	t.Run("sends nothing, successfully", func(t *testing.T) {
		require.Empty(t, newQueue(t, time.Hour).publisher().Send(t.Context()))
	})

	t.Run("is closed by Close, its connection is not", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		p, err := natsjs.NewPublisher(q.nc)
		require.NoError(t, err)
		require.NoError(t, p.Close())
		require.NoError(t, p.Close())
		require.ErrorIs(t, p.Publish("q.x", plain("x")), natsjs.ErrClosed)
		require.NoError(t, q.nc.Flush())
	})

	t.Run("serves many callers at the same time", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		p := q.publisher()
		var callers sync.WaitGroup
		errs := make(chan error, 64*20)
		for c := range 64 {
			callers.Go(func() {
				for i := range 20 {
					id := fmt.Sprintf("%d.%d", c, i)
					errs <- p.Publish("q.x", message.NewMessage(id, []byte(id)), message.NewMessage(id+"b", []byte(id)))
				}
			})
		}
		callers.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		require.EqualValues(t, 64*20*2, q.left())
	})

	t.Run("fails while the broker is away, and works again when it is back", func(t *testing.T) {
		q := newQueue(t, time.Hour)
		p := q.publisher()
		require.NoError(t, p.Publish("q.x", plain("x")))
		q.broker.Stop()
		require.Error(t, p.Publish("q.x", plain("x")))
		q.broker.Start()
		require.Eventually(t, func() bool { return p.Publish("q.x", plain("x")) == nil }, patience, 10*time.Millisecond)
	})
}
