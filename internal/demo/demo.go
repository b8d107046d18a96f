// Package demo shows the pipeline at work: everything in one process, on a web site of its own, without a network.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/sandbox"
	"github.com/fetchmill/fetchmill/internal/site"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Config says how the demonstration runs.
type Config struct {
	Out, Err io.Writer // the table, and everything else
	Color    bool      // on a terminal
	Keep     bool      // leave the data folder behind
	Patience time.Duration
	Log      *slog.Logger
}

// DefaultPatience is when an item that does not end is given up. It is what makes pages that hang, and those that always fail, end soon.
const DefaultPatience = 5 * time.Second

// Run runs the demonstration. It fails if the pipeline has not done its job: each item ended once, and no good page failed.
func Run(ctx context.Context, cfg Config) (err error) {
	if cfg.Patience <= 0 {
		cfg.Patience = DefaultPatience
	}
	web, err := site.Start(ctx)
	if err != nil {
		return err
	}
	defer web.Close()
	s, err := sandbox.Start(ctx, sandbox.Options{Keep: cfg.Keep, Log: cfg.Log, Configure: configure})
	if err != nil {
		return err
	}
	// The site closes after the services: until then they may be at its pages.
	defer func() { err = errors.Join(err, s.Close()) }()

	cfg.welcome(s, web)
	c, err := s.Connect(ctx, "demo")
	if err != nil {
		return err
	}
	start := time.Now()
	batches := workload(web.URL)
	if err := cfg.work(ctx, c, batches); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	took := time.Since(start)
	sums, err := summarise(ctx, c, batches)
	if err != nil {
		return err
	}
	if err := printTable(cfg.Out, cfg.paint(), sums); err != nil {
		return err
	}
	if err := check(batches, sums); err != nil {
		return err
	}
	cfg.farewell(s, batches, took)
	return nil
}

// configure changes what matters for a short show: the network guard lets nothing through but this machine's own address, on which the
// services' own ports stay refused, and what fails is tried again soon.
func configure(c *app.Config) {
	c.AllowNet = []string{"127.0.0.1"}
	c.Limits.Backoff = stage.Backoff{First: 150 * time.Millisecond, Most: time.Second}
	c.Drain = 5 * time.Second
}

// work submits all batches at the same time and shows them until all have ended.
func (c Config) work(ctx context.Context, cl *client.Client, batches []batch) error {
	v := newView(c.Err, host.IsTerminal(c.Err), c.paint(), batches)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	deadline := time.Now().Add(c.Patience)
	var wg sync.WaitGroup
	for i, b := range batches {
		wg.Go(func() {
			if err := submitAndWait(ctx, cl, b, deadline, func(now events.Batch) { v.show(i, now) }); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	v.end()
	return context.Cause(ctx)
}

func submitAndWait(ctx context.Context, c *client.Client, b batch, deadline time.Time, progress func(events.Batch)) error {
	if _, err := c.Submit(ctx, b.recipe, client.Texts(b.items...), client.SubmitOptions{Batch: b.name, Deadline: deadline}); err != nil {
		return err
	}
	_, err := c.WaitBatch(ctx, b.name, client.WaitOptions{OnProgress: progress})
	return err
}

// check tells whether the pipeline has kept its promise.
func check(batches []batch, sums []summary) error {
	var errs []error
	for i, b := range batches {
		if got := sums[i].items; got != len(b.items) {
			errs = append(errs, fmt.Errorf("batch %s: %d of %d items have a result", b.name, got, len(b.items)))
		}
		if got := sums[i].ok; got != b.good {
			errs = append(errs, fmt.Errorf("batch %s: %d items ended ok, not %d; on a machine that is very busy, more --patience may help", b.name, got, b.good))
		}
	}
	return errors.Join(errs...)
}
