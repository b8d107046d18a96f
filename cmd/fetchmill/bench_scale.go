package main

import (
	"context"
	"os"
	"time"

	"github.com/fetchmill/fetchmill/bench/scale"
)

type benchScaleCmd struct {
	Fetchers   []int         `default:"1,2,4,8" placeholder:"N,…" help:"Numbers of fetchers; the first is what the others are compared with (default ${default})."`
	C          int           `short:"c" default:"32" placeholder:"N" help:"URLs that each fetcher has under way (default ${default})."`
	Latency    time.Duration `default:"200ms" placeholder:"TIME" help:"How long the site takes to answer (default ${default})."`
	Crunchers  []int         `default:"1,2" placeholder:"N,…" help:"Numbers of crunchers with one worker each (default ${default})."`
	Increments int           `default:"20000000" placeholder:"N" help:"How much work an item of the crunchers is (default ${default})."`
	WarmUp     time.Duration `default:"2s" placeholder:"TIME" help:"Before each measurement (default ${default})."`
	For        time.Duration `default:"10s" placeholder:"TIME" help:"How long each measurement takes (default ${default})."`
	Rounds     int           `default:"1" placeholder:"N" help:"Rounds; their median counts (default ${default})."`
	Starts     int           `default:"5" placeholder:"N" help:"How often a fetcher is started under load; with 0 nothing is started and stopped under load (default ${default})."`
	benchOutput
}

func (*benchScaleCmd) Help() string {
	return `Lets one, two and more processes of a service do the same work, fetching from a site of its own and computing, and tells what each
of them adds; how soon a fetcher that is started under load has its first item; and whether every item still has one result when
fetchers are stopped under load. Beyond what the CPUs used tell, the machine is full.

Examples:

    fetchmill bench scale
    fetchmill bench scale --fetchers 1,16 -c 8 --latency 1s --rounds 3 -o json
`
}

func (cmd *benchScaleCmd) Run(ctx context.Context, s *session) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r, err := scale.Run(ctx, scale.Config{
		Fetchers: cmd.Fetchers, Concurrency: cmd.C, Latency: cmd.Latency, Crunchers: cmd.Crunchers, Increments: cmd.Increments,
		WarmUp: cmd.WarmUp, For: cmd.For, Rounds: cmd.Rounds, Starts: cmd.Starts,
		Command: []string{self}, Site: []string{self, "bench", "site"}, Log: s.log, Progress: func(what string) { s.say("%s", what) },
	})
	if err != nil {
		return err
	}
	return cmd.print(s, r)
}
