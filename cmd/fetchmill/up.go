package main

import (
	"context"
	"time"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/internal/broker"
	"github.com/fetchmill/fetchmill/internal/topology"
)

type upCmd struct {
	Data      string        `default:"data" placeholder:"DIR" help:"Folder for everything that is kept (default ${default})."`
	NATSAddr  string        `name:"nats-addr" default:"127.0.0.1:4222" placeholder:"HOST:PORT" help:"Where the broker listens; port 0 picks a free one (default ${default})."`
	HTTPAddr  string        `name:"http-addr" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where the HTTP API listens; port 0 picks a free one (default ${default})."`
	Fetchers  int           `placeholder:"N" help:"Items that are fetched at the same time (default: it finds its own limit)."`
	Crunchers int           `placeholder:"N" help:"Items that are computed at the same time (default: as many as CPUs)."`
	C         int           `short:"c" placeholder:"N" help:"Sets both; -c 1 makes a run serial and easy to debug."`
	Drain     time.Duration `default:"25s" placeholder:"TIME" help:"How long, after Ctrl-C, items under way may take to finish (default ${default})."`
	Sync      syncing       `default:"2m" placeholder:"always|TIME" help:"When the broker flushes to the disk: how often, or always, before anything counts as accepted, which survives a loss of power and is slower (default ${default})."`
	access
	storage
	messages
	reach
	sources
	limits
	secrets
	manners
	tools
	shares
	autoscale
	Streams topology.Config `embed:"" prefix:"stream-" group:"streams"`
}

func (*upCmd) Help() string {
	return `Everything in one process: a broker, a database and all services. Ctrl-C finishes what is under way; a second one hurries.

Examples:

    fetchmill up
    fetchmill up --allow-net 127.0.0.0/8 -c 1
    fetchmill up --credentials credentials.yaml
    fetchmill up --channels channels.yaml
    fetchmill up --read-root in=/srv/in --write-root out=/srv/out --queries queries.yaml
    fetchmill up --programs programs.yaml
    fetchmill up --autoscale --fetchers 256 --max-fetchers 8
    fetchmill up --data /var/lib/fetchmill --nats-addr 127.0.0.1:0 --http-addr 127.0.0.1:0
`
}

func (cmd *upCmd) Run(intake context.Context, hurry hurry, s *session) error {
	cfg := app.Default()
	cfg.Dir, cfg.HTTPAddr, cfg.Access, cfg.Drain = cmd.Data, cmd.HTTPAddr, cmd.Access, cmd.Drain
	cmd.storage.apply(&cfg)
	cmd.messages.apply(&cfg)
	cmd.reach.apply(&cfg)
	cmd.sources.apply(&cfg)
	cfg.Files.Sync = cfg.Files.Sync || cmd.Sync.Always
	cfg.Broker = &app.Broker{Addr: cmd.NATSAddr, Sync: broker.Sync(cmd.Sync), Topology: cmd.Streams}
	cfg.Fetchers = firstPositive(cmd.Fetchers, cmd.C, cfg.Fetchers)
	cfg.Crunchers = firstPositive(cmd.Crunchers, cmd.C, cfg.Crunchers)
	cmd.shares.apply(&cfg)
	cmd.limits.apply(&cfg.Limits)
	cmd.secrets.apply(&cfg)
	cmd.manners.apply(&cfg)
	cmd.tools.apply(&cfg)
	if err := cmd.autoscale.apply(&cfg, s); err != nil {
		return err
	}
	return s.start(intake, hurry, cfg)
}

// start runs services until they are told to stop.
func (s *session) start(intake context.Context, hurry hurry, cfg app.Config) error {
	a, err := app.New(intake, cfg, s.log)
	if err != nil {
		return err
	}
	s.say("fetchmill %s", buildInfo().Version)
	for _, l := range a.Banner() {
		s.say("  %-9s %s", l.Name, l.Text)
	}
	return a.Run(intake, hurry)
}

func firstPositive(list ...int) int {
	for _, n := range list {
		if n > 0 {
			return n
		}
	}
	return 0
}
