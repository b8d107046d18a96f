package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/pkg/client"
)

// session is what a command has to do with: its streams, the global flags and the log.
type session struct {
	globals
	stdin          io.Reader
	stdout, stderr io.Writer
	log            *slog.Logger
}

// connect connects to the broker; close ends the connection.
func (s *session) connect(ctx context.Context) (c *client.Client, closeConn func(), err error) {
	nc, err := host.Connect(ctx, host.ConnectConfig{URL: s.NATS, Name: "fetchmill", As: s.As, Log: s.log})
	if err != nil {
		return nil, nil, err
	}
	if c, err = client.New(nc); err != nil {
		nc.Close()
		return nil, nil, err
	}
	return c, nc.Close, nil
}

// with runs f with a client.
func (s *session) with(ctx context.Context, f func(*client.Client) error) error {
	c, closeConn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn()
	return f(c)
}

func (s *session) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.stderr, format+"\n", args...)
}

func (s *session) wait(c *client.Client, f cli.Format) *cli.Wait {
	return &cli.Wait{Client: c, Out: s.stdout, Err: s.stderr, Progress: cli.NewProgress(s.stderr), Format: f}
}

// output is the flag of all commands that list something.
type output struct {
	Output cli.Format `short:"o" enum:"table,json,ndjson,csv" default:"table" help:"Format: ${enum} (default ${default})."`
}
