package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"time"

	"github.com/fetchmill/fetchmill/bench/deadhost"
	"github.com/fetchmill/fetchmill/bench/idle"
	"github.com/fetchmill/fetchmill/bench/iorate"
	"github.com/fetchmill/fetchmill/bench/latency"
	"github.com/fetchmill/fetchmill/bench/pipeline"
	"github.com/fetchmill/fetchmill/internal/broker"
	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/internal/site"
)

// benchCmd are the measurements, each in a package below bench.
type benchCmd struct {
	Pipeline benchPipelineCmd `cmd:"" help:"No-op items per second through all stages, against bare nats.go and stock watermill-nats."`
	IO       benchIOCmd       `cmd:"" name:"io" help:"URLs per second at a high concurrency, against the ideal and a bare loop."`
	CPU      benchCPUCmd      `cmd:"" name:"cpu" help:"Computing, against a loop, goroutines, and Python with and without a pool of processes."`
	Sweep    benchSweepCmd    `cmd:"" help:"URLs per second with fixed concurrencies, and with the one that the fetcher finds by itself."`
	Scale    benchScaleCmd    `cmd:"" help:"What more processes of a service bring, how soon, and what stopping them under load costs."`
	DeadHost benchDeadHostCmd `cmd:"" name:"dead-host" help:"What one host that never answers costs the items of 99 others."`
	Uptime   benchUptimeCmd   `cmd:"" help:"How late the checks of many targets begin, and what watching them takes."`
	Latency  benchLatencyCmd  `cmd:"" help:"How long one item takes through all stages when there is nothing else to do."`
	Sink     benchSinkCmd     `cmd:"" help:"Rows per second that the sink commits, against a bare loop that inserts in bulk."`
	Queries  benchQueriesCmd  `cmd:"" help:"How long the queries of the dashboard and the command line take in a database with many results."`
	Idle     benchIdleCmd     `cmd:"" help:"What 'fetchmill up' uses while it has nothing to do (Linux only)."`
	Site     benchSiteCmd     `cmd:"" hidden:"" help:"Serve the site that measurements fetch from, until stdin ends."`
}

// benchOutput is how a measurement is printed.
type benchOutput struct {
	Output cli.Format `short:"o" enum:"table,json" default:"table" help:"Format: ${enum} (default ${default})."`
}

// report is what a measurement has found.
type report interface{ Print(w io.Writer) error }

func (o benchOutput) print(s *session, r report) error {
	if o.Output == cli.JSON {
		return cli.WriteJSON(s.stdout, r)
	}
	return r.Print(s.stdout)
}

type benchPipelineCmd struct {
	N          int     `short:"n" default:"100000" placeholder:"N" help:"Items in each round (default ${default})."`
	Rounds     int     `default:"3" placeholder:"N" help:"Rounds; their median counts (default ${default})."`
	Only       bool    `help:"Measure fetchmill alone."`
	Sync       syncing `default:"2m" placeholder:"always|TIME" help:"When the brokers flush to the disk, as for 'up' (default ${default})."`
	CPUProfile string  `name:"cpu-profile" placeholder:"FILE" help:"Write a CPU profile of the last round of fetchmill, for 'go tool pprof'."`
	benchOutput
}

func (*benchPipelineCmd) Help() string {
	return `Sends no-op items through ingest, fetcher, cruncher and sink into the database. The references pass messages of the same size over the
same streams and consumers: a loop on bare nats.go that takes, publishes and acknowledges up to 512 messages at a time, the same
ending in a bulk insert, and Watermill's router on stock watermill-nats. All take turns in this process, each with a new broker.

Examples:

    fetchmill bench pipeline
    fetchmill bench pipeline --only -n 1000000 --rounds 1
`
}

func (cmd *benchPipelineCmd) Run(ctx context.Context, s *session) error {
	cfg := pipeline.Config{
		Items: cmd.N, Rounds: cmd.Rounds, Only: cmd.Only, Sync: broker.Sync(cmd.Sync), Log: s.log, Progress: func(what string) { s.say("%s", what) },
		Profile: profileLast(cmd.CPUProfile, cmd.Rounds),
	}
	r, err := pipeline.Run(ctx, cfg)
	if err != nil {
		return err
	}
	return cmd.print(s, r)
}

// profileLast makes what starts a CPU profile for the last round; nil without a file.
func profileLast(file string, rounds int) func(round int) (stop func() error, err error) {
	if file == "" {
		return nil
	}
	return func(round int) (func() error, error) {
		if round != rounds-1 {
			return func() error { return nil }, nil
		}
		return profileCPU(file)
	}
}

type benchIOCmd struct {
	N          int           `short:"n" placeholder:"N" help:"URLs in each round (default: what can be done in 5 s, and 6 times what is fetched at the same time)."`
	C          []int         `short:"c" default:"64,1000,10000" placeholder:"N,…" help:"URLs that are fetched at the same time, one level after the other (default ${default})."`
	Latency    time.Duration `placeholder:"TIME" help:"How long the site takes to answer (default: 100ms, or as long as it takes to make --ideal possible)."`
	Ideal      float64       `placeholder:"N" help:"URLs per second for which the latency is chosen, so that waiting and not computing is measured (default: 1500 for each CPU)."`
	NoPython   bool          `help:"Leave out aiohttp and requests."`
	Recipe     string        `enum:"uptime,page" default:"page" help:"${enum}; uptime passes no cruncher (default ${default})."`
	Rounds     int           `default:"3" placeholder:"N" help:"Rounds; their median counts (default ${default})."`
	CPUProfile string        `name:"cpu-profile" placeholder:"FILE" help:"Write a CPU profile of the last round of the pipeline, for 'go tool pprof'."`
	benchOutput
}

func (*benchIOCmd) Help() string {
	return `Fetches URLs from a site of its own, in a process of its own on this machine, that takes its time to answer. Rounds of a bare
loop over net/http, of the whole pipeline, and of Python with aiohttp and with a pool of threads take turns, if there is a Python
that has them. The ideal is the concurrency divided by the latency.

Examples:

    fetchmill bench io
    fetchmill bench io -n 100000 -c 4096 --latency 500ms --recipe uptime -o json
`
}

func (cmd *benchIOCmd) Run(ctx context.Context, s *session) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cfg := iorate.Config{
		Items: cmd.N, Concurrency: cmd.C, Latency: cmd.Latency, Ideal: cmd.Ideal, Recipe: cmd.Recipe, Rounds: cmd.Rounds,
		Site: []string{self, "bench", "site"}, Log: s.log, Progress: func(what string) { s.say("%s", what) },
	}
	if !cmd.NoPython {
		if cfg.Python, err = iorate.FindPython(ctx); err != nil {
			return fmt.Errorf("%w; or leave them out with --no-python", err)
		}
	}
	cfg.Profile = profileLast(cmd.CPUProfile, cmd.Rounds)
	r, err := iorate.Run(ctx, cfg)
	if err != nil {
		return err
	}
	return cmd.print(s, r)
}

func profileCPU(path string) (stop func() error, err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("--cpu-profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

type benchDeadHostCmd struct {
	Hosts   int           `default:"99" placeholder:"N" help:"Hosts that answer (default ${default})."`
	N       int           `short:"n" default:"20000" placeholder:"N" help:"URLs in each round (default ${default})."`
	C       int           `short:"c" default:"256" placeholder:"N" help:"URLs that are fetched at the same time (default ${default})."`
	Latency time.Duration `default:"100ms" placeholder:"TIME" help:"How long a host takes to answer (default ${default})."`
	Rounds  int           `default:"3" placeholder:"N" help:"Rounds; their medians count (default ${default})."`
	benchOutput
}

func (*benchDeadHostCmd) Help() string {
	return `Fetches from many hosts on this machine that answer, with and without one beside them that takes connections and never says
a word, and tells by how much it slows down the others.

Examples:

    fetchmill bench dead-host
    fetchmill bench dead-host --hosts 9 -c 32 -o json
`
}

func (cmd *benchDeadHostCmd) Run(ctx context.Context, s *session) error {
	r, err := deadhost.Run(ctx, deadhost.Config{
		Hosts: cmd.Hosts, Items: cmd.N, Concurrency: cmd.C, Latency: cmd.Latency, Rounds: cmd.Rounds,
		Log: s.log, Progress: func(what string) { s.say("%s", what) },
	})
	if err != nil {
		return err
	}
	return cmd.print(s, r)
}

type benchLatencyCmd struct {
	N      int `short:"n" default:"1000" placeholder:"N" help:"Runs that are measured (default ${default})."`
	WarmUp int `default:"100" placeholder:"N" help:"Runs before them that are not (default ${default})."`
	benchOutput
}

func (*benchLatencyCmd) Help() string {
	return `Starts all services in this process and sends one request after the other over one connection. Each goes through ingest,
fetcher, cruncher and sink and is answered when its result is in the database, flushed to the disk.

Examples:

    fetchmill bench latency
    fetchmill bench latency -n 10000 -o json
`
}

func (cmd *benchLatencyCmd) Run(ctx context.Context, s *session) error {
	r, err := latency.Run(ctx, latency.Config{Runs: cmd.N, WarmUp: cmd.WarmUp, Log: s.log})
	if err != nil {
		return err
	}
	return cmd.print(s, r)
}

type benchIdleCmd struct {
	For    time.Duration `default:"10s" placeholder:"TIME" help:"How long to look (default ${default})."`
	Settle time.Duration `default:"2s" placeholder:"TIME" help:"How long to wait before, once it is ready (default ${default})."`
	benchOutput
}

func (*benchIdleCmd) Help() string {
	return `Starts 'fetchmill up' as a process of its own with a temporary data folder, and reads its CPU time and memory from /proc.

Examples:

    fetchmill bench idle
    fetchmill bench idle --for 1m -o json
`
}

func (cmd *benchIdleCmd) Run(ctx context.Context, s *session) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r, err := idle.Run(ctx, idle.Config{Command: []string{self, "up"}, Settle: cmd.Settle, For: cmd.For})
	if err != nil {
		return fmt.Errorf("bench idle: %w", err)
	}
	return cmd.print(s, r)
}

type benchSiteCmd struct{}

func (*benchSiteCmd) Run(ctx context.Context, s *session) error {
	return site.Serve(ctx, s.stdin, s.stdout)
}
