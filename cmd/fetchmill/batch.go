package main

import (
	"context"
	"time"

	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

type batchCmd struct {
	Ls     batchLsCmd     `cmd:"" help:"List batches, newest first."`
	Show   batchShowCmd   `cmd:"" help:"Show how far a batch is, and its counts by outcome."`
	Wait   batchWaitCmd   `cmd:"" help:"Wait until all items of a batch have ended. Exit status 2 if some failed."`
	Cancel batchCancelCmd `cmd:"" help:"Start nothing more of a batch: what is not done yet ends as cancelled."`
}

func (*batchCmd) Help() string {
	return `Examples:

    fetchmill batch ls
    fetchmill batch show monday
    fetchmill batch wait monday && echo all is well
    fetchmill batch cancel monday
`
}

type batchLsCmd struct {
	Limit int `default:"50" help:"At most so many; 0 means all (default ${default})."`
	output
}

func (cmd *batchLsCmd) Run(ctx context.Context, s *session) error {
	return s.with(ctx, func(c *client.Client) error {
		return cli.NewWriter(s.stdout, cmd.Output, cli.BatchColumns()).All(c.Batches(ctx), cmd.Limit)
	})
}

type batchShowCmd struct {
	ID     string     `arg:"" help:"The batch."`
	Output cli.Format `short:"o" enum:"table,json" default:"table" help:"Format: ${enum} (default ${default})."`
}

func (cmd *batchShowCmd) Run(ctx context.Context, s *session) error {
	return s.with(ctx, func(c *client.Client) error {
		b, err := c.Batch(ctx, cmd.ID)
		if err != nil {
			return err
		}
		counts, err := c.Counts(ctx, events.CountQuery{Batch: cmd.ID})
		if err != nil {
			return err
		}
		if b.Reduced, err = c.Reduced(ctx, cmd.ID); err != nil {
			return err
		}
		if cmd.Output == cli.JSON {
			return cli.WriteJSON(s.stdout, struct {
				events.Batch
				Counts []events.Count `json:"counts"`
			}{*b, counts})
		}
		if err := cli.NewWriter(s.stdout, cli.Table, cli.BatchColumns()).All(cli.Each([]events.Batch{*b}), 0); err != nil {
			return err
		}
		_, _ = s.stdout.Write([]byte("\n"))
		if err := cli.NewWriter(s.stdout, cli.Table, cli.CountColumns()[1:]).All(cli.Each(counts), 0); err != nil {
			return err
		}
		return cli.WriteReduced(s.stdout, b.Reduced)
	})
}

type batchWaitCmd struct {
	ID      string        `arg:"" help:"The batch."`
	Ordered bool          `help:"Print results in the order of the items, after the end. Otherwise as they complete."`
	Timeout time.Duration `placeholder:"DURATION" help:"Wait at most so long. The work goes on. Default: no limit."`
	output
}

func (cmd *batchWaitCmd) Run(ctx context.Context, s *session) error {
	return s.with(ctx, func(c *client.Client) error {
		w := s.wait(c, cmd.Output)
		w.Ordered, w.Timeout = cmd.Ordered, cmd.Timeout
		return w.Batch(ctx, cmd.ID)
	})
}

type batchCancelCmd struct {
	ID string `arg:"" help:"The batch."`
}

func (cmd *batchCancelCmd) Run(ctx context.Context, s *session) error {
	return s.with(ctx, func(c *client.Client) error {
		if _, err := c.Batch(ctx, cmd.ID); err != nil { // a misspelt name should not look like a success
			return err
		}
		if err := c.CancelBatch(ctx, cmd.ID); err != nil {
			return err
		}
		s.say("batch %s is cancelled: what is being worked on still ends, nothing more is started", cmd.ID)
		return nil
	})
}
