package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Ours moves n no-op items through all services into the database. It returns how long it took from the first publish until
// the last row was committed.
func Ours(ctx context.Context, n int) (time.Duration, error) {
	dir, err := os.MkdirTemp("", "fetchmill-bench-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cfg := app.Default()
	cfg.Dir, cfg.HTTPAddr, cfg.Broker.Addr = dir, "127.0.0.1:0", "127.0.0.1:0"
	a, err := app.New(ctx, cfg, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return 0, err
	}
	intake, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- a.Run(intake, ctx) }()
	elapsed, err := through(ctx, a.NATSURL(), n)
	stop()
	if runErr := <-ended; err == nil {
		err = runErr
	}
	return elapsed, err
}

// pollInterval is how often the sink is asked how many rows it has; the rate is wrong by no more than it.
const pollInterval = 10 * time.Millisecond

func through(ctx context.Context, url string, n int) (time.Duration, error) {
	nc, err := nats.Connect(url)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	c, err := client.New(nc)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := produce(ctx, nc, n); err != nil {
		return 0, err
	}
	for {
		counts, err := c.Counts(ctx, events.CountQuery{Recipe: "noop"})
		if err != nil {
			return 0, err
		}
		var rows int64
		for _, k := range counts {
			if k.Status != events.StatusOK {
				return 0, fmt.Errorf("%d items ended as %s (%s)", k.Count, k.Status, k.Reason)
			}
			rows += k.Count
		}
		if rows == int64(n) {
			return time.Since(start), nil
		}
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-time.After(pollInterval):
		}
	}
}
