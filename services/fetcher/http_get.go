package fetcher

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

type getArgs struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	// Accept are the statuses that count as success, instead of 200 to 299. A redirect among them is not followed.
	Accept []int `json:"accept"`
}

func (a getArgs) accepts(status int) bool {
	if len(a.Accept) == 0 {
		return status >= 200 && status <= 299
	}
	return slices.Contains(a.Accept, status)
}

// httpGet fetches a page: its bytes become the body for the next step, the value stays as it was.
func (n *Network) httpGet() ops.Op {
	return ops.Op{Name: "http.get", Run: func(ctx context.Context, in ops.Input) (ops.Output, error) {
		var args getArgs
		if err := in.Args(&args); err != nil {
			return ops.Output{}, err
		}
		return n.get(ctx, args)
	}}
}

func (n *Network) get(ctx context.Context, args getArgs) (ops.Output, error) {
	u, header, err := n.target(args.URL, args.Headers)
	if err != nil {
		return ops.Output{}, err
	}
	for _, status := range args.Accept {
		if status < 200 || status > 599 {
			return ops.Output{}, ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("accept: %d is not an HTTP status from 200 to 599", status))
		}
	}
	x := n.newExchange(u)
	resp, err := x.send(ctx, "GET", header, args.accepts)
	if err != nil {
		return ops.Output{Fetch: x.end()}, err
	}
	if !args.accepts(resp.StatusCode) {
		err := x.statusFailure(resp)
		facts := x.end()
		drain(resp)
		return ops.Output{Fetch: facts}, err
	}
	body, err := readBody(resp, n.cfg.MaxBodyBytes)
	if err != nil {
		if errors.Is(err, errTooLarge) {
			err = fmt.Errorf("%w; the operator of the fetcher sets the limit", err)
		}
		err = x.failure(ctx, err)
		return ops.Output{Fetch: x.end()}, err
	}
	x.facts.Bytes = int64(len(body))
	return ops.Output{Body: body, Fetch: x.end()}, nil
}
