package main

import (
	"context"
	"time"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/internal/host"
)

// service are the flags of all commands that run one service.
type service struct {
	Drain time.Duration `default:"25s" placeholder:"TIME" help:"How long, after Ctrl-C, items under way may take to finish (default ${default})."`
}

func (f service) start(intake context.Context, hurry hurry, s *session, name app.Service, set func(*app.Config)) error {
	cfg := app.Default()
	cfg.Services, cfg.Broker, cfg.NATS, cfg.As, cfg.Drain = []app.Service{name}, nil, s.NATS, s.As, f.Drain
	set(&cfg)
	return s.start(intake, hurry, cfg)
}

// access are the flags of commands that serve an HTTP API.
type access struct {
	host.Access `embed:""`
}

type ingestCmd struct {
	service
	access
	HTTPAddr string `name:"http-addr" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where the HTTP API listens; port 0 picks a free one (default ${default})."`
}

func (*ingestCmd) Help() string {
	return `Takes work in from NATS and HTTP, checks it and sends it on its way. Any number of them share the work.

Example:

    fetchmill ingest --nats nats://broker:4222
`
}

func (cmd *ingestCmd) Run(intake context.Context, hurry hurry, s *session) error {
	return cmd.start(intake, hurry, s, app.Ingest, func(c *app.Config) { c.HTTPAddr, c.Access = cmd.HTTPAddr, cmd.Access })
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
	readable
	shares
	C        int    `short:"c" placeholder:"N" help:"Items that are computed at the same time (default: as many as CPUs)."`
	HTTPAddr string `name:"http-addr" default:"127.0.0.1:0" placeholder:"HOST:PORT" help:"Where health and metrics are served; port 0 picks a free one (default ${default})."`
}

func (*cruncherCmd) Help() string {
	return `Does the computing of items, on all CPUs. Any number of them share the work.

Examples:

    fetchmill cruncher -c 4
    fetchmill cruncher --cpu-share 0.75 --crunch-memory 2GiB
    fetchmill cruncher --programs programs.yaml
    fetchmill cruncher --read-root logs=/var/log/shop
`
}

func (cmd *cruncherCmd) Run(intake context.Context, hurry hurry, s *session) error {
	return cmd.start(intake, hurry, s, app.Cruncher, func(c *app.Config) {
		c.HTTPAddr, c.Crunchers = cmd.HTTPAddr, firstPositive(cmd.C, c.Crunchers)
		cmd.readable.apply(c)
		cmd.shares.apply(c)
		cmd.limits.apply(&c.Limits)
		cmd.tools.apply(c)
	})
}

type sinkCmd struct {
	service
	access
	storage
	messages
	AllowNet []string `name:"allow-net" placeholder:"CIDR" help:"Let channels reach these networks although they are not public, such as 10.0.0.0/8."`
	HTTPAddr string   `name:"http-addr" default:"127.0.0.1:8081" placeholder:"HOST:PORT" help:"Where the HTTP API listens; port 0 picks a free one (default ${default})."`
}

func (*sinkCmd) Help() string {
	return `Stores results, finishes batches and answers queries. One process at a time owns a database file; any number of them share a
PostgreSQL.

Examples:

    fetchmill sink --db /var/lib/fetchmill/results.db
    fetchmill sink --channels channels.yaml
    FETCHMILL_DB='postgres://fetchmill:PASSWORD@db.example.com/fetchmill?sslmode=verify-full' fetchmill sink
`
}

func (cmd *sinkCmd) Run(intake context.Context, hurry hurry, s *session) error {
	return cmd.start(intake, hurry, s, app.Sink, func(c *app.Config) {
		c.HTTPAddr, c.Access, c.Dir, c.AllowNet = cmd.HTTPAddr, cmd.Access, ".", cmd.AllowNet
		cmd.storage.apply(c)
		cmd.messages.apply(c)
	})
}
