package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/internal/sandbox"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// fetchmill moves no-op items through all services into the database. It returns how long it took from the first publish
// until the last row was committed and counted.
func fetchmill(ctx context.Context, cfg Config) (elapsed time.Duration, err error) {
	s, err := sandbox.Start(ctx, sandbox.Options{Log: cfg.Log, Configure: func(c *app.Config) { c.Broker.Sync = cfg.Sync }})
	if err != nil {
		return 0, err
	}
	defer func() {
		if closeErr := s.Close(); err == nil {
			err = closeErr
		}
	}()
	c, err := s.Connect(ctx, "bench")
	if err != nil {
		return 0, err
	}
	nc, err := nats.Connect(s.NATSURL)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	start := time.Now()
	if err := produce(ctx, nc, cfg.Items); err != nil {
		return 0, err
	}
	if err := waitForRows(ctx, c, cfg.Items); err != nil {
		return 0, err
	}
	return time.Since(start), nil
}

// pollInterval is how often the sink is asked how many rows it has; the time is wrong by no more than it.
const pollInterval = 10 * time.Millisecond

func waitForRows(ctx context.Context, c *client.Client, n int) error {
	for {
		counts, err := c.Counts(ctx, events.CountQuery{Recipe: "noop"})
		if err != nil {
			return err
		}
		var rows int64
		for _, k := range counts {
			if k.Status != events.StatusOK {
				return fmt.Errorf("%d items ended as %s (%s)", k.Count, k.Status, k.Reason)
			}
			rows += k.Count
		}
		if rows == int64(n) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pollInterval):
		}
	}
}
