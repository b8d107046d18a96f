package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

type runCmd struct {
	Recipe  string        `arg:"" help:"The recipe."`
	Args    []string      `arg:"" optional:"" name:"arg" help:"The item: a text is the recipe's primary parameter, a JSON object is all parameters."`
	Param   []string      `short:"p" sep:"none" placeholder:"NAME=VALUE" help:"Add a parameter; not beside a text. The value may be JSON; anything else is text."`
	Timeout time.Duration `default:"60s" help:"Wait at most so long (default ${default})."`
}

func (*runCmd) Help() string {
	return `Prints the result as JSON. Exit status: 0 if the item ended ok, 2 if it failed, 1 if it could not be done.

Examples:

    fetchmill run count 10000000
    fetchmill run page https://example.com | jq .value
    fetchmill run sleep -p ms=250
`
}

func (cmd *runCmd) Run(ctx context.Context, s *session) error {
	params, err := cli.Params(cmd.Param)
	if err != nil {
		return err
	}
	it, err := cli.Item(strings.Join(cmd.Args, " "))
	if err != nil {
		return err
	}
	if it, err = it.With(params); err != nil {
		return err
	}
	return s.with(ctx, func(c *client.Client) error {
		limited, cancel := context.WithTimeout(ctx, cmd.Timeout)
		defer cancel()
		r, err := c.Run(limited, cmd.Recipe, it)
		switch {
		case ctx.Err() != nil:
			return &cli.Exit{Code: host.ExitInterrupted, Text: "interrupted"}
		case errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("no result after %s: it will be among the results later (fetchmill results --recipe %s), or wait longer with --timeout", cmd.Timeout, cmd.Recipe)
		case err != nil:
			return err
		}
		if err := cli.WriteJSON(s.stdout, r); err != nil {
			return err
		}
		if r.Status != events.StatusOK {
			return cli.Failed()
		}
		return nil
	})
}
