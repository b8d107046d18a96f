package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/services/cruncher"
	"github.com/fetchmill/fetchmill/services/fetcher"
)

type upCmd struct {
	Data       string        `default:"data" placeholder:"DIR" help:"Folder for everything that is kept (default ${default})."`
	NATSAddr   string        `name:"nats-addr" default:"127.0.0.1:4222" placeholder:"HOST:PORT" help:"Where the broker listens; port 0 picks a free one (default ${default})."`
	HTTPAddr   string        `name:"http-addr" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where the HTTP API listens; port 0 picks a free one (default ${default})."`
	AllowNet   []string      `name:"allow-net" placeholder:"CIDR" help:"Let recipes reach these networks although they are not public, such as 127.0.0.0/8."`
	Fetchers   int           `placeholder:"N" help:"Items that are fetched at the same time (default 256)."`
	Crunchers  int           `placeholder:"N" help:"Items that are computed at the same time (default: as many as CPUs)."`
	C          int           `short:"c" placeholder:"N" help:"Sets both; -c 1 makes a run serial and easy to debug."`
	Drain      time.Duration `default:"25s" placeholder:"TIME" help:"How long, after Ctrl-C, items under way may take to finish (default ${default})."`
	SyncAlways bool          `help:"Flush to the disk before anything counts as accepted: survives power loss, and is much slower."`

	Topology topology.Config `embed:"" prefix:"stream-" group:"streams"`
}

func (*upCmd) Help() string {
	return `Everything in one process: a broker, a database and all services. Ctrl-C finishes what is under way; a second one hurries.

Examples:

    fetchmill up
    fetchmill up --allow-net 127.0.0.0/8 -c 1
    fetchmill up --data /var/lib/fetchmill --nats-addr 127.0.0.1:0 --http-addr 127.0.0.1:0
`
}

func (cmd *upCmd) config() app.Config {
	return app.Config{
		Dir: cmd.Data, NATSAddr: cmd.NATSAddr, HTTPAddr: cmd.HTTPAddr, AllowNet: cmd.AllowNet,
		Fetchers:  firstPositive(cmd.Fetchers, cmd.C, fetcher.DefaultConcurrency),
		Crunchers: firstPositive(cmd.Crunchers, cmd.C, cruncher.DefaultConcurrency()),
		Drain:     cmd.Drain, SyncAlways: cmd.SyncAlways, Topology: cmd.Topology, Limits: stage.DefaultLimits(),
	}
}

func (cmd *upCmd) Run(intake context.Context, hurry hurry, s *session) error {
	a, err := app.New(intake, cmd.config(), s.log)
	if err != nil {
		return err
	}
	cfg := cmd.config()
	s.say("fetchmill %s is up", buildInfo().Version)
	s.say("  broker   %s", a.NATSURL())
	s.say("  http     %s", a.HTTPURL())
	s.say("  data     %s", cmd.Data)
	s.say("  fetcher  %d at the same time", cfg.Fetchers)
	s.say("  cruncher %d at the same time on %d CPUs", cfg.Crunchers, runtime.GOMAXPROCS(0))
	s.say("try: fetchmill run count 10000000%s", urlFlag(cmd.NATSAddr, a.NATSURL()))
	return a.Run(intake, hurry)
}

// urlFlag is what has to be added to other commands when the broker is not where they look for it.
func urlFlag(addr, url string) string {
	if addr == "127.0.0.1:4222" {
		return ""
	}
	return fmt.Sprintf(" --nats %s", url)
}

func firstPositive(list ...int) int {
	for _, n := range list {
		if n > 0 {
			return n
		}
	}
	return 0
}
