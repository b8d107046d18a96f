package main

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	Limit   int           `placeholder:"N" help:"At most so many (default: all)."`
	Newest  bool          `xor:"order" help:"Newest first; otherwise as they were committed."`
	Ordered bool          `xor:"order" help:"In the order of the items; needs --batch."`
	Follow  bool          `xor:"order" help:"Print results as they are committed, until interrupted."`
	Since   time.Duration `placeholder:"DURATION" help:"With --follow: also what was committed in this time, e.g. 10m."`
	output
}

func (*resultsCmd) Help() string {
	return `Examples:

    fetchmill results --batch monday --status failed
    fetchmill results --newest --limit 20
    fetchmill results --batch monday --ordered -o csv > monday.csv
    fetchmill results --recipe uptime --follow -o ndjson | jq -r .key
`
}

func (cmd *resultsCmd) Run(ctx context.Context, s *session) error {
	switch {
	case cmd.Ordered && cmd.Batch == "":
		return errors.New("--ordered needs --batch: only within a batch do items have an order")
	case cmd.Follow && cmd.ID != "":
		return errors.New("--follow does not go with --id: it shows what is yet to come")
	case !cmd.Follow && cmd.Since > 0:
		return errors.New("--since only makes sense with --follow")
	case cmd.Limit < 0:
		return fmt.Errorf("--limit %d: use a number from 1, or leave it out for all", cmd.Limit)
	}
	return s.with(ctx, func(c *client.Client) error {
		w := cli.NewWriter(s.stdout, cmd.Output, cli.ResultColumns())
		if cmd.Follow {
			return cmd.follow(ctx, c, w)
		}
		q := events.ResultQuery{ID: cmd.ID, Batch: cmd.Batch, Recipe: cmd.Recipe, Status: cmd.Status, Reason: cmd.Reason, Order: events.OrderCommitted}
		switch {
		case cmd.Newest:
			q.Order = events.OrderNewest
		case cmd.Ordered:
			q.Order = events.OrderIndex
		}
		if cmd.Limit > 0 {
			q.Limit = min(cmd.Limit, 1000)
		}
		return w.All(c.Results(ctx, q), cmd.Limit)
	})
}

// follow makes each line visible at once.
func (cmd *resultsCmd) follow(ctx context.Context, c *client.Client, w *cli.Writer[events.Result]) error {
	f := client.FollowFilter{Recipe: cmd.Recipe, Batch: cmd.Batch, Status: cmd.Status, Reason: cmd.Reason}
	if cmd.Since > 0 {
		f.Since = time.Now().Add(-cmd.Since)
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
