package main

import (
	"context"
	"time"

	"github.com/fetchmill/fetchmill/app"
)

// service are the flags of all commands that run one service.
type service struct {
	Drain time.Duration `default:"25s" placeholder:"TIME" help:"How long, after Ctrl-C, items under way may take to finish (default ${default})."`
}

func (f service) start(intake context.Context, hurry hurry, s *session, name app.Service, set func(*app.Config)) error {
	cfg := app.Default()
	cfg.Services, cfg.Broker, cfg.NATS, cfg.Drain = []app.Service{name}, nil, s.NATS, f.Drain
	set(&cfg)
	return s.start(intake, hurry, cfg)
}

type ingestCmd struct {
	service
	HTTPAddr string `name:"http-addr" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where the HTTP API listens; port 0 picks a free one (default ${default})."`
}

func (*ingestCmd) Help() string {
	return `Takes work in from NATS and HTTP, checks it and sends it on its way. Any number of them share the work.

Example:

    fetchmill ingest --nats nats://broker:4222
`
}

func (cmd *ingestCmd) Run(intake context.Context, hurry hurry, s *session) error {
	return cmd.start(intake, hurry, s, app.Ingest, func(c *app.Config) { c.HTTPAddr = cmd.HTTPAddr })
}

type fetcherCmd struct {
	service
	reach
	sources
	limits
	secrets
	manners
	C        int    `short:"c" placeholder:"N" help:"Items that are fetched at the same time (default: it finds its own limit)."`
	HTTPAddr string `name:"http-addr" default:"127.0.0.1:0" placeholder:"HOST:PORT" help:"Where health and metrics are served; port 0 picks a free one (default ${default})."`
}

func (*fetcherCmd) Help() string {
	return `Does the I/O of items, many at a time. Any number of them share the work.

Examples:

    fetchmill fetcher -c 1024
    fetchmill fetcher --allow-net 10.1.0.0/16
    fetchmill fetcher --proxy http://proxy.example:3128
`
}

func (cmd *fetcherCmd) Run(intake context.Context, hurry hurry, s *session) error {
	return cmd.start(intake, hurry, s, app.Fetcher, func(c *app.Config) {
		c.HTTPAddr, c.Fetchers = cmd.HTTPAddr, firstPositive(cmd.C, c.Fetchers)
		cmd.reach.apply(c)
		cmd.sources.apply(c)
		cmd.manners.apply(c)
		cmd.limits.apply(&c.Limits)
		cmd.secrets.apply(c)
	})
}

type cruncherCmd struct {
	service
	limits
	tools
	C        int    `short:"c" placeholder:"N" help:"Items that are computed at the same time (default: as many as CPUs)."`
	HTTPAddr string `name:"http-addr" default:"127.0.0.1:0" placeholder:"HOST:PORT" help:"Where health and metrics are served; port 0 picks a free one (default ${default})."`
}

func (*cruncherCmd) Help() string {
	return `Does the computing of items, on all CPUs. Any number of them share the work.

Examples:

    fetchmill cruncher -c 4
    fetchmill cruncher --programs programs.yaml
`
}

func (cmd *cruncherCmd) Run(intake context.Context, hurry hurry, s *session) error {
	return cmd.start(intake, hurry, s, app.Cruncher, func(c *app.Config) {
		c.HTTPAddr, c.Crunchers = cmd.HTTPAddr, firstPositive(cmd.C, c.Crunchers)
		cmd.limits.apply(&c.Limits)
		cmd.tools.apply(c)
	})
}

type sinkCmd struct {
	service
	DB        string        `name:"db" default:"results.db" placeholder:"PATH" help:"The database file (default ${default})."`
	HTTPAddr  string        `name:"http-addr" default:"127.0.0.1:8081" placeholder:"HOST:PORT" help:"Where the HTTP API listens; port 0 picks a free one (default ${default})."`
	BatchIdle time.Duration `default:"24h" placeholder:"TIME" help:"An unfinished batch expires when nothing has come for so long (default ${default})."`
}

func (*sinkCmd) Help() string {
	return `Stores results, finishes batches and answers queries. One process at a time owns the database file.

Example:

    fetchmill sink --db /var/lib/fetchmill/results.db
`
}

func (cmd *sinkCmd) Run(intake context.Context, hurry hurry, s *session) error {
	return cmd.start(intake, hurry, s, app.Sink, func(c *app.Config) {
		c.HTTPAddr, c.Database, c.BatchIdle = cmd.HTTPAddr, cmd.DB, cmd.BatchIdle
	})
}
