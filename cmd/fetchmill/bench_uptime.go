package main

import (
	"context"
	"os"
	"time"

	"github.com/fetchmill/fetchmill/bench/uptime"
)

type benchUptimeCmd struct {
	Targets    int           `short:"n" default:"10000" placeholder:"N" help:"Targets (default ${default})."`
	Interval   time.Duration `default:"1m" placeholder:"TIME" help:"Between the checks of each of them (default ${default})."`
	WarmUp     time.Duration `default:"1m" placeholder:"TIME" help:"Before the measurement (default ${default})."`
	For        time.Duration `default:"3m" placeholder:"TIME" help:"How long the measurement takes (default ${default})."`
	CPUProfile string        `name:"cpu-profile" placeholder:"FILE" help:"Write a CPU profile of the measurement, for 'go tool pprof'."`
	benchOutput
}

func (*benchUptimeCmd) Help() string {
	return `Watches pages of a site of its own, in a process of its own on this machine, and tells how late their checks begin, and what
that takes.

Examples:

    fetchmill bench uptime
    fetchmill bench uptime -n 1000 --interval 10s --warm-up 10s --for 30s -o json
`
}

func (cmd *benchUptimeCmd) Run(ctx context.Context, s *session) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cfg := uptime.Config{
		Targets: cmd.Targets, Interval: cmd.Interval, WarmUp: cmd.WarmUp, For: cmd.For,
		Site: []string{self, "bench", "site"}, Log: s.log, Progress: func(what string) { s.say("%s", what) },
	}
	if cmd.CPUProfile != "" {
		cfg.Profile = func() (func() error, error) { return profileCPU(cmd.CPUProfile) }
	}
	r, err := uptime.Run(ctx, cfg)
	if err != nil {
		return err
	}
	return cmd.print(s, r)
}
