package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

type resultsCmd struct {
	Batch   string        `placeholder:"ID" help:"Only results of this batch."`
	Recipe  string        `placeholder:"NAME" help:"Only results of this recipe."`
	Status  events.Status `placeholder:"STATUS" enum:",ok,failed,cancelled" default:"" help:"Only results that ended so: ok, failed or cancelled."`
	Reason  events.Reason `placeholder:"REASON" help:"Only results with this reason, e.g. timeout or http_status."`
	ID      string        `placeholder:"ID" help:"Only the result of this item."`
	Host    string        `placeholder:"HOST" help:"Only results about this host."`
	Text    string        `placeholder:"TEXT" help:"Only results with this text in their id or key, whatever the case of letters."`
	Limit   int           `placeholder:"N" help:"At most so many (default: all)."`
	Newest  bool          `xor:"order" help:"Newest first; otherwise as they were committed."`
	Ordered bool          `xor:"order" help:"In the order of the items; needs --batch."`
	Follow  bool          `xor:"order" help:"Print results as they are committed, until interrupted."`
	Since   moment        `placeholder:"TIME" help:"Only what finished since then: 10m ago, or 2026-01-31T12:00:00Z. With --follow: also what was committed since then."`
	Until   moment        `placeholder:"TIME" help:"Only what finished before."`
	To      string        `placeholder:"FILE" help:"Write to this file, which is there only once it is whole."`
	Output  cli.Format    `short:"o" enum:"table,json,ndjson,csv,parquet" default:"table" help:"Format: ${enum} (default ${default})."`
}

func (*resultsCmd) Help() string {
	return `Examples:

    fetchmill results --batch monday --status failed
    fetchmill results --newest --limit 20
    fetchmill results --host example.com --since 24h --newest
    fetchmill results --recipe page --text /basket --status failed
    fetchmill results --batch monday --ordered -o csv > monday.csv
    fetchmill results --recipe page -o parquet --to pages.parquet
    fetchmill results --recipe uptime --follow -o ndjson | jq -r .key
`
}

func (cmd *resultsCmd) Run(ctx context.Context, s *session) error {
	switch {
	case cmd.Ordered && cmd.Batch == "":
		return errors.New("--ordered needs --batch: only within a batch do items have an order")
	case cmd.Follow && cmd.ID != "":
		return errors.New("--follow does not go with --id: it shows what is yet to come")
	case cmd.Follow && !cmd.Until.IsZero():
		return errors.New("--until does not go with --follow: it shows what is yet to come")
	case cmd.Output == formatParquet && cmd.To == "":
		return errors.New("-o parquet needs a file: name one with --to FILE")
	case cmd.To != "" && cmd.Follow:
		return errors.New("--to does not go with --follow: a file is there when it is whole")
	case cmd.Limit < 0:
		return fmt.Errorf("--limit %d: use a number from 1, or leave it out for all", cmd.Limit)
	}
	return s.with(ctx, func(c *client.Client) error {
		if cmd.Follow {
			return cmd.follow(ctx, c, cli.NewWriter(s.stdout, cmd.Output, cli.ResultColumns()))
		}
		rows := c.Results(ctx, cmd.query())
		write := func(out io.Writer) error {
			return cli.NewWriter(out, cmd.Output, cli.ResultColumns()).All(rows, cmd.Limit)
		}
		if cmd.Output == formatParquet {
			write = func(out io.Writer) error { return writeParquet(out, rows, cmd.Limit) }
		}
		if cmd.To != "" {
			return exportTo(cmd.To, write)
		}
		return write(s.stdout)
	})
}

func (cmd *resultsCmd) query() events.ResultQuery {
	q := events.ResultQuery{
		ID: cmd.ID, Batch: cmd.Batch, Recipe: cmd.Recipe, Status: cmd.Status, Reason: cmd.Reason,
		Host: cmd.Host, Text: cmd.Text, Since: cmd.Since.Time, Until: cmd.Until.Time, Order: events.OrderCommitted,
	}
	switch {
	case cmd.Newest:
		q.Order = events.OrderNewest
	case cmd.Ordered:
		q.Order = events.OrderIndex
	}
	if cmd.Limit > 0 {
		q.Limit = min(cmd.Limit, 1000)
	}
	return q
}

// follow makes each line visible at once.
func (cmd *resultsCmd) follow(ctx context.Context, c *client.Client, w *cli.Writer[events.Result]) error {
	f := client.FollowFilter{
		Recipe: cmd.Recipe, Batch: cmd.Batch, Status: cmd.Status, Reason: cmd.Reason, Host: cmd.Host, Text: cmd.Text, Since: cmd.Since.Time,
	}
	n := 0
	for r, err := range c.Follow(ctx, f) {
		if err != nil {
			return err
		}
		if err := w.Write(r); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if n++; n == cmd.Limit {
			break
		}
	}
	return w.Close()
}
