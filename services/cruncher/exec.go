package cruncher

import (
	"context"
	"encoding/json"
	"io"

	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/cruncher/programs"
)

type execArgs struct {
	Program string          `json:"program"`
	Input   json.RawMessage `json:"input"`
	Args    json.RawMessage `json:"args"`
}

// execOp is the operation exec: it has one of the operator's programs do the item. The program gets the argument input as value, or without
// one the value and the body of the steps before, and args as they are; what it answers are the new value and body. An item names a program and
// never brings a command. Arguments {"program": string, "input": any, "args": any}.
func execOp(r *programs.Runner) ops.Op {
	return ops.Op{Name: "exec", Run: func(ctx context.Context, in ops.Input) (ops.Output, error) {
		var args execArgs
		if err := in.Args(&args); err != nil {
			return ops.Output{}, err
		}
		call := programs.Call{Item: in.ID, Args: args.Args, Value: args.Input}
		if args.Input == nil {
			call.Value = in.Value
			if in.HasBody() {
				call.Size = in.Size()
				call.Body = func() (io.ReadCloser, error) { return in.Open(ctx) }
			}
		}
		out, err := r.Run(ctx, args.Program, call)
		return ops.Output{Value: out.Value, Body: out.Body}, err
	}}
}
