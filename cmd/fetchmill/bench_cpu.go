package main

import (
	"context"
	"time"

	"github.com/fetchmill/fetchmill/bench/cpu"
)

type benchCPUCmd struct {
	Rounds     int             `default:"1" placeholder:"N" help:"Rounds; their medians count (default ${default})."`
	Thumbnails int             `default:"1000" placeholder:"N" help:"Thumbnails that are made (default ${default})."`
	HashBytes  size            `name:"hash-bytes" default:"1GiB" placeholder:"SIZE" help:"Size of the file whose pieces are hashed (default ${default})."`
	Sizes      []time.Duration `default:"100us,200us,500us,1ms,2ms,5ms,10ms,20ms,50ms" placeholder:"TIME" help:"How long an item of the sweep takes (default ${default})."`
	Sweep      time.Duration   `default:"500ms" placeholder:"TIME" help:"For how long each size keeps all processors busy (default ${default})."`
	NoPython   bool            `name:"no-python" help:"Leave Python out."`
	benchOutput
}

func (*benchCPUCmd) Help() string {
	return `Counts, increments, multiplies, hashes and makes thumbnails: in a loop, with goroutines on all processors, by the pipeline in this process, and
in Python, serially and with multiprocessing.Pool. Then it counts with items of many sizes, and tells from which one on it pays to hand them to the pipeline.

Examples:

    fetchmill bench cpu
    fetchmill bench cpu --no-python --thumbnails 100 --sizes 1ms,5ms -o json
`
}

func (cmd *benchCPUCmd) Run(ctx context.Context, s *session) error {
	cfg := cpu.Config{
		Rounds: cmd.Rounds, Thumbnails: cmd.Thumbnails, HashBytes: int64(cmd.HashBytes), Sizes: cmd.Sizes, Sweep: cmd.Sweep,
		Log: s.log, Progress: func(what string) { s.say("%s", what) },
	}
	if !cmd.NoPython {
		cfg.Python = cpu.FindPython(ctx)
	}
	r, err := cpu.Run(ctx, cfg)
	if err != nil {
		return err
	}
	return cmd.print(s, r)
}
