package fetcher

import (
	"context"
	"net/http"

	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

// targetArgs are the arguments that every request of an item can have: where to, and how.
type targetArgs struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	// Query is added to the URL. Values are texts, numbers, booleans or lists of such; null leaves a name out.
	Query valuesArg `json:"query"`
	// Auth names a credential of the operator's.
	Auth string `json:"auth"`
	politeArgs
}

// getArgs are the arguments of http.get.
type getArgs struct {
	targetArgs
	// Accept are the statuses that count as success, instead of 200 to 299. A redirect among them is not followed.
	Accept []int `json:"accept"`
	// Revalidate asks for a body only if it is another than the last time. Of GET only.
	Revalidate bool `json:"revalidate"`
	bodyArgs
}

// httpGet fetches a page: its bytes become the body for the next step and the value stays as it was, or they are stored in a file, which
// the value describes.
func (n *Network) httpGet() ops.Op {
	return ops.Op{Name: "http.get", Run: func(ctx context.Context, in ops.Input) (ops.Output, error) {
		var args getArgs
		if err := in.Args(&args); err != nil {
			return ops.Output{}, err
		}
		req, err := n.request(in, args.targetArgs)
		if err != nil {
			return ops.Output{}, err
		}
		return n.fetch(ctx, fetch{method: http.MethodGet, request: req, args: args, id: in.ID, index: in.Index})
	}}
}

// request makes what is asked of a server from the arguments.
func (n *Network) request(in ops.Input, args targetArgs) (useragent.Request, error) {
	if err := args.check(); err != nil {
		return useragent.Request{}, err
	}
	address, err := args.Query.addTo(args.URL)
	if err != nil {
		return useragent.Request{}, err
	}
	req := useragent.Request{URL: address, Headers: args.Headers, Turn: n.turn(in, args.politeArgs)}
	if args.Auth != "" {
		credential, err := n.cfg.Credentials.Find(args.Auth)
		if err != nil {
			return req, err
		}
		req.Credential = credential
	}
	return req, nil
}
