package fetcher

import (
	"context"
	"encoding/json"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

type queryArgs struct {
	Query  string                     `json:"query"`
	Params map[string]json.RawMessage `json:"params"`
}

// sqlQuery asks a query of the operator's catalogue: its columns and rows become the value.
func (n *Network) sqlQuery() ops.Op {
	return ops.Op{Name: "sql.query", Run: func(ctx context.Context, in ops.Input) (ops.Output, error) {
		var args queryArgs
		if err := in.Args(&args); err != nil {
			return ops.Output{}, err
		}
		start := time.Now()
		value, err := n.cfg.Queries.Run(ctx, args.Query, args.Params, in.Park)
		if err != nil {
			return ops.Output{}, err
		}
		return ops.Output{
			Value: value,
			Fetch: &events.FetchFacts{Bytes: int64(len(value)), ElapsedMS: float64(time.Since(start).Microseconds()) / 1000},
		}, nil
	}}
}
