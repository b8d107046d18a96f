package fetcher

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

type getArgs struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	// Accept are the statuses that count as success, instead of 200 to 299. A redirect among them is not followed.
	Accept []int `json:"accept"`
	politeArgs
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
		return n.get(ctx, in, args)
	}}
}

func (n *Network) get(ctx context.Context, in ops.Input, args getArgs) (ops.Output, error) {
	if err := checkStatuses(args.Accept); err != nil {
		return ops.Output{}, err
	}
	if err := args.check(); err != nil {
		return ops.Output{}, err
	}
	x, err := n.agent.Exchange(useragent.Request{URL: args.URL, Headers: args.Headers, Stay: args.accepts, Turn: n.turn(in, args.politeArgs)})
	if err != nil {
		return ops.Output{}, err
	}
	resp, err := x.Send(ctx, http.MethodGet) //nolint:bodyclose // Discard and Body close it
	if err != nil {
		return ops.Output{Fetch: x.Facts()}, err
	}
	if !args.accepts(resp.StatusCode) {
		err := x.StatusFailure(resp)
		facts := x.Facts()
		useragent.Discard(resp)
		return ops.Output{Fetch: facts}, err
	}
	body, err := x.Body(ctx, resp)
	return ops.Output{Body: body, Fetch: x.Facts()}, err
}

// checkStatuses checks the argument accept.
func checkStatuses(accept []int) error {
	for _, status := range accept {
		if status < 200 || status > 599 {
			return ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("accept: %d is not an HTTP status from 200 to 599", status))
		}
	}
	return nil
}
