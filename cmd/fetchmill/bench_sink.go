package main

import (
	"context"
	"errors"

	"github.com/fetchmill/fetchmill/bench/sinkrate"
)

type benchSinkCmd struct {
	N          int    `short:"n" default:"100000" placeholder:"N" help:"Rows in each round (default ${default})."`
	Group      int    `default:"1000" placeholder:"N" help:"Rows in a transaction (default ${default})."`
	Hosts      int    `default:"100" placeholder:"N" help:"Hosts that the rows are about (default ${default})."`
	Rounds     int    `default:"3" placeholder:"N" help:"Rounds; their medians count (default ${default})."`
	Reduce     bool   `help:"Measure again with five reductions by host, too."`
	Windows    bool   `help:"Measure again with windows of ten seconds by host, too."`
	NoSQLite   bool   `name:"no-sqlite" help:"Leave SQLite out."`
	CPUProfile string `name:"cpu-profile" placeholder:"FILE" help:"Write a CPU profile, for 'go tool pprof'. Its samples have a label that tells what was measured."`
	DB         string `name:"db" env:"FETCHMILL_BENCH_DB" placeholder:"URL" help:"Measure with this PostgreSQL, too, in a schema that is made and dropped. Give a URL with a password in the variable $$FETCHMILL_BENCH_DB."`
	benchOutput
}

func (*benchSinkCmd) Help() string {
	return `Commits rows through the store, and through all of a sink from a broker in this process, and compares both with a bare loop that
inserts the same rows into the same tables with the same indexes: with a prepared statement into SQLite, with COPY into PostgreSQL.

Examples:

    fetchmill bench sink
    fetchmill bench sink -n 1000000 --rounds 1 -o json
    fetchmill bench sink --reduce --windows
    fetchmill bench sink --db postgres://postgres@127.0.0.1/postgres
    fetchmill bench sink --rounds 1 --cpu-profile sink.prof && go tool pprof -top -tagfocus="run=SQLite/sink" sink.prof
`
}

func (cmd *benchSinkCmd) Run(ctx context.Context, s *session) (err error) {
	if cmd.CPUProfile != "" {
		stop, err := profileCPU(cmd.CPUProfile)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	r, err := sinkrate.Run(ctx, sinkrate.Config{
		Rows: cmd.N, Group: cmd.Group, Hosts: cmd.Hosts, Rounds: cmd.Rounds, Reduce: cmd.Reduce, Windows: cmd.Windows, NoSQLite: cmd.NoSQLite, Postgres: cmd.DB, Log: s.log,
		Progress: func(what string) { s.say("%s", what) },
	})
	if err != nil {
		return err
	}
	return cmd.print(s, r)
}
