package sweep

import (
	"context"
	"errors"
	"time"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/bench/backlog"
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
	backlog *backlog.Backlog
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
	return &load{s, c, backlog.Start(ctx, c, backlog.Work{Recipe: "uptime", Text: url, Batch: batch})}, nil
}

// wait keeps the backlog up for so long.
func (l *load) wait(ctx context.Context, d time.Duration) error {
	end := time.NewTimer(d)
	defer end.Stop()
	again := time.NewTicker(look)
	defer again.Stop()
	var counts []int64 // the last ones, the oldest first
	for {
		done, err := l.backlog.Done(ctx)
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
		l.backlog.Want(done + int64(2*limit) + max(leastBacklog, done-counts[0]))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.backlog.Ended():
			return l.backlog.Err()
		case <-end.C:
			return nil
		case <-again.C:
		}
	}
}

// limit is how many items the fetcher may have at work.
func (l *load) limit(ctx context.Context) (int, error) {
	w, err := l.client.WorkerLoad(ctx, events.StageFetch)
	if errors.Is(err, client.ErrNoService) { // it is still starting
		return 0, nil
	}
	return w.Limit, err
}

func (l *load) close() error { return errors.Join(l.backlog.Stop(), l.sandbox.Close()) }
