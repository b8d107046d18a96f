package sinkrate

import (
	"context"
	"errors"

	"github.com/fetchmill/fetchmill/bench/bulk"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// bareSQLite inserts with a connection that is tuned as the sink's.
func bareSQLite(ctx context.Context, path string, cfg Config) (took spent, err error) {
	if err := makeTables(ctx, path); err != nil {
		return took, err
	}
	s, err := bulk.OpenSQLite(path, bulk.AsTheSink)
	if err != nil {
		return took, err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	return inGroups(cfg, numbered(ctx, s.Insert))
}

// barePostgres inserts with COPY.
func barePostgres(ctx context.Context, where string, cfg Config) (took spent, err error) {
	if err := makeTables(ctx, where); err != nil {
		return took, err
	}
	p, err := bulk.OpenPostgres(ctx, where)
	if err != nil {
		return took, err
	}
	defer func() { err = errors.Join(err, p.Close(context.WithoutCancel(ctx))) }()
	return inGroups(cfg, numbered(ctx, p.Insert))
}

// numbered gives each row its number, and that of the only batch there is.
func numbered(ctx context.Context, insert func(context.Context, []bulk.Row) error) func([]*events.Result) error {
	seq := int64(0)
	return func(group []*events.Result) error {
		rows := make([]bulk.Row, len(group))
		for i, r := range group {
			seq++
			rows[i] = bulk.Row{Seq: seq, Batch: 1, Result: r}
		}
		return insert(ctx, rows)
	}
}
