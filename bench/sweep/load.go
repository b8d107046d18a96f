package sweep

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/internal/sandbox"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	loopback = "127.0.0.1"
	// batch is the name of all that is submitted.
	batch = "sweep"
	// look is how often the results are counted, to keep the backlog up.
	look = 100 * time.Millisecond
	// The backlog is what was done in the last backlogTime, and at least so many items.
	backlogTime  = 2 * time.Second
	leastBacklog = 2000
)

// load is all of fetchmill in this process, with always enough to do.
type load struct {
	sandbox *sandbox.Sandbox
	client  *client.Client
	stop    context.CancelFunc
	ended   chan error
	wanted  atomic.Int64 // items that should have been submitted by now
	more    chan struct{}
}

func startLoad(ctx context.Context, cfg Config, concurrency int, url string) (*load, error) {
	s, err := sandbox.Start(ctx, sandbox.Options{Log: cfg.Log, Configure: func(c *app.Config) {
		c.AllowNet, c.Fetchers = []string{loopback}, concurrency
		c.Drain = time.Second // what is left of the backlog goes with the data folder
	}})
	if err != nil {
		return nil, err
	}
	c, err := s.Connect(ctx, "bench")
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	submitting, stop := context.WithCancel(ctx)
	l := &load{sandbox: s, client: c, stop: stop, ended: make(chan error, 1), more: make(chan struct{}, 1)}
	go func() {
		_, err := c.Submit(ctx, "uptime", l.items(submitting, url), client.SubmitOptions{Batch: batch})
		l.ended <- err
	}()
	return l, nil
}

// items yields the URL as often as it is wanted.
func (l *load) items(ctx context.Context, url string) func(yield func(client.Item, error) bool) {
	return func(yield func(client.Item, error) bool) {
		for n := int64(0); ; n++ {
			for n >= l.wanted.Load() {
				select {
				case <-ctx.Done():
					return
				case <-l.more:
				}
			}
			if ctx.Err() != nil || !yield(client.Item{Text: url}, nil) {
				return
			}
		}
	}
}

// wait keeps the backlog up for so long.
func (l *load) wait(ctx context.Context, d time.Duration) error {
	end := time.NewTimer(d)
	defer end.Stop()
	again := time.NewTicker(look)
	defer again.Stop()
	var counts []int64 // the last ones, the oldest first
	for {
		done, err := l.done(ctx)
		if err != nil {
			return err
		}
		limit, err := l.limit(ctx)
		if err != nil {
			return err
		}
		if counts = append(counts, done); len(counts) > int(backlogTime/look) {
			counts = counts[1:]
		}
		// Twice the limit, as it may have doubled before the next look.
		l.wanted.Store(max(l.wanted.Load(), done+int64(2*limit)+max(leastBacklog, done-counts[0])))
		select {
		case l.more <- struct{}{}:
		default:
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-l.ended:
			l.ended <- err
			return fmt.Errorf("submitting ended: %w", err)
		case <-end.C:
			return nil
		case <-again.C:
		}
	}
}

// done is how many items have been done. The batch has a counter, so asking costs little, however many there are.
func (l *load) done(ctx context.Context) (n int64, err error) {
	b, err := l.client.Batch(ctx, batch)
	if errors.Is(err, client.ErrNoBatch) { // the first items are on their way
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if b.Failed > 0 {
		return 0, fmt.Errorf("%d items failed", b.Failed)
	}
	return b.OK, nil
}

// limit is how many items the fetcher may have at work.
func (l *load) limit(ctx context.Context) (int, error) {
	w, err := l.client.WorkerLoad(ctx, events.StageFetch)
	if errors.Is(err, client.ErrNoService) { // it is still starting
		return 0, nil
	}
	return w.Limit, err
}

func (l *load) close() error {
	l.stop()
	err := <-l.ended
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, l.sandbox.Close())
}
