package main

import (
	"context"

	"github.com/fetchmill/fetchmill/bench/queries"
)

type benchQueriesCmd struct {
	N        int    `short:"n" default:"1000000" placeholder:"N" help:"Results that the database has (default ${default})."`
	Targets  int    `default:"100" placeholder:"N" help:"Targets that are watched, with a year of checks each (default ${default})."`
	Times    int    `default:"20" placeholder:"N" help:"How often each query is asked (default ${default})."`
	Database string `env:"FETCHMILL_BENCH_DB" placeholder:"URL" help:"Measure in this PostgreSQL, in a schema that is made and dropped, and not in a SQLite. Give a URL with a password in the variable $$FETCHMILL_BENCH_DB."`
	benchOutput
}

func (*benchQueriesCmd) Help() string {
	return `Fills a new database, with indexes that are made when all rows are there, and tells of each query of the dashboard and of the command line how long it takes: in the median, and at worst. Where
little is found, an answer is that of one request: whoever asks gets it, and goes on from there.

Examples:

    fetchmill bench queries
    fetchmill bench queries -n 10000000 -o json
    fetchmill bench queries --targets 10000
    fetchmill bench queries --database postgres://postgres@127.0.0.1/postgres
`
}

func (cmd *benchQueriesCmd) Run(ctx context.Context, s *session) error {
	r, err := queries.Run(ctx, queries.Config{
		Rows: cmd.N, Targets: cmd.Targets, Times: cmd.Times, Postgres: cmd.Database, Progress: func(what string) { s.say("%s", what) },
	})
	if err != nil {
		return err
	}
	return cmd.print(s, r)
}
