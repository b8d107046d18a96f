package main

import (
	"context"
	"os"
	"time"

	"github.com/fetchmill/fetchmill/bench/sweep"
)

type benchSweepCmd struct {
	C          []int           `short:"c" default:"16,64,256,1024,4096" placeholder:"N" help:"Fixed concurrencies to compare with (default ${default})."`
	Latency    []time.Duration `default:"0s,500ms" placeholder:"TIME" help:"How long the site takes to answer, one sweep each (default ${default})."`
	WarmUp     time.Duration   `default:"40s" placeholder:"TIME" help:"Before each measurement (default ${default})."`
	For        time.Duration   `default:"10s" placeholder:"TIME" help:"How long each measurement takes (default ${default})."`
	Rounds     int             `default:"1" placeholder:"N" help:"Rounds; their median counts (default ${default})."`
	CPUProfile string          `name:"cpu-profile" placeholder:"FILE" help:"Write a CPU profile of the last measurement of the adaptive fetcher, for 'go tool pprof'."`
	benchOutput
}

func (*benchSweepCmd) Help() string {
	return `Fetches URLs from a site of its own, in a process of its own on this machine, with one fixed concurrency of the fetcher after
another, and then with the one that it finds by itself. There is always enough to do. The warm-up is for connections to be opened,
and for the fetcher to find its limit.

Examples:

    fetchmill bench sweep
    fetchmill bench sweep -c 64,512 --latency 100ms --rounds 3 -o json
`
}

func (cmd *benchSweepCmd) Run(ctx context.Context, s *session) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cfg := sweep.Config{
		Latencies: cmd.Latency, Fixed: cmd.C, WarmUp: cmd.WarmUp, For: cmd.For, Rounds: cmd.Rounds,
		Site: []string{self, "bench", "site"}, Log: s.log, Progress: func(what string) { s.say("%s", what) },
	}
	if cmd.CPUProfile != "" {
		cfg.Profile = func() (func() error, error) { return profileCPU(cmd.CPUProfile) }
	}
	r, err := sweep.Run(ctx, cfg)
	if err != nil {
		return err
	}
	return cmd.print(s, r)
}
