package main

import (
	"context"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

type windowsCmd struct {
	Ls      windowsLsCmd      `cmd:"" help:"List windows of time, those that end last first."`
	Show    windowsShowCmd    `cmd:"" help:"Show all about one window: what is in it and what that comes down to."`
	Streams windowsStreamsCmd `cmd:"" help:"Show how far windows are: up to when everything has come, and what came too late."`
}

func (*windowsCmd) Help() string {
	return `Windows are declared in recipes, as docs/windows.md describes. Examples:

    fetchmill windows ls --recipe clicks
    fetchmill windows ls --open
    fetchmill windows show 17
    fetchmill windows streams
`
}

type windowsLsCmd struct {
	Recipe string `placeholder:"NAME" help:"Only windows of this recipe."`
	Key    string `placeholder:"KEY" help:"Only windows of this key; needs --recipe."`
	Open   bool   `help:"Those that are open, instead of those that have closed."`
	Limit  int    `default:"50" help:"At most so many; 0 means all (default ${default})."`
	output
}

func (cmd *windowsLsCmd) Run(ctx context.Context, s *session) error {
	q := events.WindowQuery{Recipe: cmd.Recipe, Key: cmd.Key}
	if cmd.Open {
		q.State = events.WindowOpen
	}
	return s.with(ctx, func(c *client.Client) error {
		return cli.NewWriter(s.stdout, cmd.Output, cli.WindowColumns()).All(c.Windows(ctx, q), cmd.Limit)
	})
}

type windowsShowCmd struct {
	ID     string     `arg:"" help:"The window."`
	Output cli.Format `short:"o" enum:"table,json" default:"table" help:"Format: ${enum} (default ${default})."`
}

func (cmd *windowsShowCmd) Run(ctx context.Context, s *session) error {
	return s.with(ctx, func(c *client.Client) error {
		w, err := c.Window(ctx, cmd.ID)
		if err != nil {
			return err
		}
		if cmd.Output == cli.JSON {
			return cli.WriteJSON(s.stdout, w)
		}
		if err := cli.NewWriter(s.stdout, cli.Table, cli.WindowColumns()).All(cli.Each([]events.Window{w.Window}), 0); err != nil {
			return err
		}
		if err := cli.WriteReduced(s.stdout, w.Reduced); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(s.stdout)
		return cli.NewWriter(s.stdout, cli.Table, cli.WindowStreamColumns()).All(cli.Each([]events.WindowStream{w.Stream}), 0)
	})
}

type windowsStreamsCmd struct {
	Recipe string `placeholder:"NAME" help:"Only those of this recipe."`
	output
}

func (cmd *windowsStreamsCmd) Run(ctx context.Context, s *session) error {
	return s.with(ctx, func(c *client.Client) error {
		list, err := c.WindowStreams(ctx, cmd.Recipe)
		if err != nil {
			return err
		}
		return cli.NewWriter(s.stdout, cmd.Output, cli.WindowStreamColumns()).All(cli.Each(list), 0)
	})
}
