package fetcher

import (
	"context"
	"net/http"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/politeness"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

type checkArgs struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
}

// checkValue is what a check finds.
type checkValue struct {
	Up        bool          `json:"up"`
	Status    int           `json:"status,omitempty"` // absent if there was no answer
	ElapsedMS float64       `json:"elapsed_ms"`
	Reason    events.Reason `json:"reason,omitempty"` // why it is not up
}

// httpCheck finds out whether a site is up, that is, answers with a status below 400. A site that is down is a failure with a value.
func (n *Network) httpCheck() ops.Op {
	return ops.Op{Name: "http.check", Run: func(ctx context.Context, in ops.Input) (ops.Output, error) {
		var args checkArgs
		if err := in.Args(&args); err != nil {
			return ops.Output{}, err
		}
		return n.check(ctx, in, args)
	}}
}

func (n *Network) check(ctx context.Context, in ops.Input, args checkArgs) (ops.Output, error) {
	x, err := n.agent.Exchange(useragent.Request{URL: args.URL, Headers: args.Headers, Turn: n.wait(in, politeness.Wish{Probe: true})})
	if err != nil {
		return ops.Output{}, err
	}
	defer x.Close()
	resp, err := probe(ctx, x) //nolint:bodyclose // Discard closes it
	if err == nil && resp.StatusCode >= 400 {
		err = x.StatusFailure(resp)
	}
	facts := x.Facts()
	if resp != nil {
		useragent.Discard(resp)
	}
	value := checkValue{Up: err == nil, Status: facts.Status, ElapsedMS: facts.ElapsedMS}
	if err != nil {
		reason, ok := finding(err)
		if !ok {
			return ops.Output{Fetch: facts}, err
		}
		value.Reason = reason
	}
	return ops.Output{Value: ops.JSON(value), Fetch: facts}, err
}

// probe asks for the header only, and for all where the server has no HEAD.
func probe(ctx context.Context, x *useragent.Exchange) (*http.Response, error) {
	resp, err := x.Send(ctx, http.MethodHead)
	if err != nil || resp.StatusCode != http.StatusMethodNotAllowed && resp.StatusCode != http.StatusNotImplemented {
		return resp, err
	}
	useragent.Discard(resp)
	return x.Send(ctx, http.MethodGet)
}
