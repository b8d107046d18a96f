package scale

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/bench/stats"
	"github.com/fetchmill/fetchmill/internal/site"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// starts measures how soon further fetchers have their first item.
func (c Config) starts(ctx context.Context, server *site.Process) (_ *Starts, err error) {
	l, err := startLoad(ctx, c, c.fetching(server), 2)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if _, err := l.start(ctx); err != nil {
		return nil, err
	}
	if err := l.atWork(ctx); err != nil {
		return nil, err
	}
	s := &Starts{}
	for i := range c.Starts {
		c.say("start %d of %d", i+1, c.Starts)
		err := l.during(ctx, func() error {
			w, err := l.start(ctx)
			if err != nil {
				return err
			}
			took, err := w.hasItem(ctx)
			s.AllMS = append(s.AllMS, float64(took.Microseconds())/1000)
			l.workers = l.workers[:1]
			return errors.Join(err, w.stop())
		})
		if err != nil {
			return nil, err
		}
	}
	s.MedianMS, s.MostMS = stats.Median(s.AllMS), slices.Max(s.AllMS)
	return s, nil
}

// fewer are how many fetchers there are before and after some were stopped.
const (
	before = 4
	after  = 1
)

// down stops fetchers under load, one after the other, and counts what came of all items.
func (c Config) down(ctx context.Context, server *site.Process) (_ *Down, err error) {
	c.say("stopping %d of %d fetchers", before-after, before)
	l, err := startLoad(ctx, c, c.fetching(server), before)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	for range before {
		if _, err := l.start(ctx); err != nil {
			return nil, err
		}
	}
	if err := l.atWork(ctx); err != nil {
		return nil, err
	}
	d := &Down{From: before, To: after}
	for _, w := range l.workers[after:] {
		if err := l.wait(ctx, min(c.For, time.Second)); err != nil {
			return nil, err
		}
		began := time.Now()
		if err := l.during(ctx, w.stop); err != nil {
			return nil, err
		}
		d.MostStopMS = max(d.MostStopMS, float64(time.Since(began).Microseconds())/1000)
	}
	l.workers = l.workers[:after]
	b, err := l.finish(ctx)
	if err != nil {
		return nil, err
	}
	d.Submitted, d.OK = l.backlog.Submitted(), b.OK
	counts, err := l.client.Counts(ctx, events.CountQuery{Batch: batch})
	if err != nil {
		return nil, err
	}
	for _, n := range counts {
		d.Rows += n.Count
	}
	if d.Redelivered, err = redelivered(ctx, l.sandbox.NATSURL); err != nil {
		return nil, err
	}
	return d, nil
}

// redelivered is how many deliveries there were beyond one for each item that was ever in the fetchers' stream.
func redelivered(ctx context.Context, url string) (int64, error) {
	nc, err := nats.Connect(url)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, err
	}
	stream, err := js.Stream(ctx, topology.StreamFetch)
	if err != nil {
		return 0, err
	}
	delivered := uint64(0)
	for _, lane := range events.Lanes() {
		consumer, err := stream.Consumer(ctx, topology.LaneConsumer(lane))
		if err != nil {
			return 0, fmt.Errorf("consumer of lane %s: %w", lane, err)
		}
		delivered += consumer.CachedInfo().Delivered.Consumer
	}
	return int64(delivered) - int64(stream.CachedInfo().State.LastSeq), nil
}
