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

// fetch is one request whose answer becomes the body for the next step. All operations that yield a body do it by Network.fetch.
type fetch struct {
	method  string
	request useragent.Request
	args    getArgs
	id      string // of the item
	index   int64  // of the item in its batch
	want    useragent.Want
}

func (f fetch) accepts(status int) bool {
	if len(f.args.Accept) == 0 {
		return status >= 200 && status <= 299
	}
	return slices.Contains(f.args.Accept, status)
}

// fetch sends a request and takes the body of an accepted answer.
func (n *Network) fetch(ctx context.Context, f fetch) (ops.Output, error) {
	if err := checkStatuses(f.args.Accept); err != nil {
		return ops.Output{}, err
	}
	want, err := n.want(f.args.bodyArgs)
	if err != nil {
		return ops.Output{}, err
	}
	f.request.Stay, f.want = f.accepts, want
	if f.args.Revalidate {
		return n.revalidate(ctx, f)
	}
	x, err := n.agent.Exchange(f.request)
	if err != nil {
		return ops.Output{}, err
	}
	defer x.Close()
	resp, err := x.Send(ctx, f.method) //nolint:bodyclose // Discard and Body close it
	if err != nil {
		return ops.Output{Fetch: x.Facts()}, err
	}
	return n.take(ctx, f, x, resp)
}

// take takes the body of an answer if its status is accepted, and closes it in any case.
func (n *Network) take(ctx context.Context, f fetch, x *useragent.Exchange, resp *http.Response) (ops.Output, error) {
	if !f.accepts(resp.StatusCode) {
		err := x.StatusFailure(resp)
		facts := x.Facts()
		useragent.Discard(resp)
		return ops.Output{Fetch: facts}, err
	}
	out, err := n.httpBody(ctx, f, x, resp)
	out.Fetch = x.Facts()
	out.Fetch.Body = out.BodyRef
	return out, err
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
