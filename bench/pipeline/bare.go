package pipeline

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// microBatch is how many messages a bare loop takes at a time, at most.
const microBatch = 512

// bare moves n messages over the hops with nats.go alone, micro-batched: take what is there, publish all, wait for all
// confirmations, acknowledge all. Each hop has its own connection. after, if set, is called with each batch that has passed the
// last hop, before it is acknowledged. bare returns how long it took.
func bare(ctx context.Context, url string, list []hop, n int, after func(count int) error) (time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel(nil)
	done := make(chan struct{})
	var passed atomic.Int64
	for i, h := range list {
		count := func(int) error { return nil }
		if i == len(list)-1 {
			count = func(k int) error {
				if after != nil {
					if err := after(k); err != nil {
						return err
					}
				}
				if passed.Add(int64(k)) == int64(n) {
					close(done)
				}
				return nil
			}
		}
		nc, err := nats.Connect(url)
		if err != nil {
			return 0, err
		}
		defer nc.Close() //nolint:gocritic // few, and all are needed until the end
		if err := bareHop(ctx, nc, h, count, &wg, cancel); err != nil {
			return 0, err
		}
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
		return time.Since(start), nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

func bareHop(ctx context.Context, nc *nats.Conn, h hop, after func(int) error, wg *sync.WaitGroup, fail context.CancelCauseFunc) error {
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(1<<16))
	if err != nil {
		return err
	}
	consumer, err := js.Consumer(ctx, h.stream, h.consumer)
	if err != nil {
		return err
	}
	arrived := make(chan jetstream.Msg, 2*microBatch)
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		select {
		case arrived <- m:
		case <-ctx.Done():
		}
	}, jetstream.PullMaxMessages(2*microBatch))
	if err != nil {
		return err
	}
	wg.Go(func() {
		defer consuming.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case first := <-arrived:
				if err := passOn(js, h, take(first, arrived), after); err != nil {
					fail(fmt.Errorf("hop %s: %w", h.stream, err))
					return
				}
			}
		}
	})
	return nil
}

func take(first jetstream.Msg, arrived <-chan jetstream.Msg) []jetstream.Msg {
	batch := []jetstream.Msg{first}
	for len(batch) < microBatch {
		select {
		case m := <-arrived:
			batch = append(batch, m)
		default:
			return batch
		}
	}
	return batch
}

func passOn(js jetstream.JetStream, h hop, batch []jetstream.Msg, after func(int) error) error {
	futures := make([]jetstream.PubAckFuture, len(batch))
	for i, m := range batch {
		header := make(nats.Header, len(h.next.Header)+1)
		for k, v := range h.next.Header {
			header[k] = []string{v}
		}
		header[events.HeaderMsgID] = []string{h.stream + m.Headers().Get(events.HeaderMsgID)}
		header["_watermill_message_uuid"] = header[events.HeaderMsgID]
		var err error
		if futures[i], err = js.PublishMsgAsync(&nats.Msg{Subject: h.next.Subject, Header: header, Data: h.next.Data}); err != nil {
			return err
		}
	}
	for _, f := range futures {
		select {
		case <-f.Ok():
		case err := <-f.Err():
			return err
		}
	}
	if err := after(len(batch)); err != nil {
		return err
	}
	for _, m := range batch {
		if err := m.Ack(); err != nil {
			return err
		}
	}
	return nil
}

// produce publishes n small work messages, pipelined, as `fetchmill submit` does.
func produce(ctx context.Context, nc *nats.Conn, n int) error {
	const window = 2000
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(2*window))
	if err != nil {
		return err
	}
	pending := make(chan jetstream.PubAckFuture, window)
	failed := make(chan error, 1)
	go func() {
		defer close(failed)
		for f := range pending {
			select {
			case <-f.Ok():
			case err := <-f.Err():
				failed <- err
				return
			}
		}
	}()
	for i := range n {
		key := strconv.Itoa(i)
		f, err := js.PublishMsgAsync(&nats.Msg{Subject: events.WorkSubject("noop"), Data: []byte(key), Header: nats.Header{
			events.HeaderMsgID: {"bench/" + key}, events.HeaderBatch: {"bench"}, events.HeaderIndex: {key},
		}})
		if err != nil {
			return err
		}
		select {
		case pending <- f:
		case err := <-failed:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	close(pending)
	return <-failed
}
