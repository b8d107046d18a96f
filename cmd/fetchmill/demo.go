package main

import (
	"context"
	"os"
	"time"

	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/internal/demo"
	"github.com/fetchmill/fetchmill/internal/host"
)

type demoCmd struct {
	Keep     bool          `help:"Keep the data folder and say where it is. Without it everything is gone afterwards."`
	Patience time.Duration `default:"5s" placeholder:"TIME" help:"When items that do not end, such as pages that hang, are given up (default ${default})."`
}

func (*demoCmd) Help() string {
	return `Starts everything with a temporary data folder, and a web site of its own whose pages are fast, slow, flaky, missing, failing, or
hang for ever. Then it checks and fetches them, and prints what came of it. It needs no network and takes some seconds.

Examples:

    fetchmill demo
    fetchmill demo --keep
`
}

func (cmd *demoCmd) Run(ctx context.Context, s *session) error {
	err := demo.Run(ctx, demo.Config{
		Out: s.stdout, Err: s.stderr, Keep: cmd.Keep, Patience: cmd.Patience,
		Color: host.IsTerminal(s.stderr) && host.IsTerminal(s.stdout) && os.Getenv("NO_COLOR") == "",
		Log:   s.log,
	})
	if ctx.Err() != nil {
		return &cli.Exit{Code: host.ExitInterrupted, Text: "interrupted"}
	}
	return err
}
