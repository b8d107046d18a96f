package fetcher

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/politeness"
	"github.com/fetchmill/fetchmill/services/fetcher/robots"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

// politeArgs are the arguments by which a step asks for more politeness than the operator does.
type politeArgs struct {
	// Robots lets the step fetch only what robots.txt allows, and not faster than it says.
	Robots bool `json:"robots"`
	// HostConcurrency is how many requests a host gets at the same time at most.
	HostConcurrency int `json:"host_concurrency"`
	// HostRate is how many requests per second a host gets at most.
	HostRate float64 `json:"host_rate"`
}

func (a politeArgs) check() error {
	switch {
	case a.HostConcurrency < 0:
		return ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("host_concurrency: %d is negative; leave it out for no limit of its own", a.HostConcurrency))
	case a.HostRate < 0 || math.IsNaN(a.HostRate):
		return ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("host_rate: %v is negative; leave it out for no limit of its own", a.HostRate))
	}
	return nil
}

func (a politeArgs) wish() politeness.Wish {
	return politeness.Wish{Concurrency: a.HostConcurrency, Rate: a.HostRate}
}

// maxCrawlDelay bounds what a robots.txt can ask for.
const maxCrawlDelay = time.Minute

// turn is how the HTTP requests of an item ask for their turn. Nil when nobody has to be asked.
func (n *Network) turn(in ops.Input, args politeArgs) useragent.Turn {
	wait := n.wait(in, args.wish())
	if !args.Robots {
		return wait
	}
	fetch := func(ctx context.Context, file string) (int, []byte, error) { return n.fetchRobots(ctx, file, wait) }
	return func(ctx context.Context, to *url.URL, redirected bool) (func(useragent.Taken), error) {
		verdict, err := n.robots.Check(ctx, to, fetch, in.Park)
		if err != nil {
			return nil, robotsFailure(err)
		}
		if !verdict.Allowed {
			return nil, ops.Fail(events.ReasonRobots, fmt.Errorf(
				"%s://%s/robots.txt does not allow fetchmill to fetch %s: line %d says %q; ask the site's owner, or leave robots out for a site of your own",
				to.Scheme, to.Host, to.EscapedPath(), verdict.Line, verdict.Rule))
		}
		wish := args.wish()
		wish.Delay = min(verdict.Delay, maxCrawlDelay)
		return n.wait(in, wish)(ctx, to, redirected)
	}
}

// wait asks for turns with a wish.
func (n *Network) wait(in ops.Input, wish politeness.Wish) useragent.Turn {
	return func(ctx context.Context, to *url.URL, redirected bool) (func(useragent.Taken), error) {
		wish.Follow = redirected
		turn, err := n.polite.Ask(ctx, politeness.HostOf(to), wish, in.Park)
		if err != nil {
			return nil, turnFailure(err)
		}
		return func(t useragent.Taken) { turn.Done(outcome(t)) }, nil
	}
}

// atTurn runs an operation that finds out whether something answers at an address, when it is the host's turn.
func (n *Network) atTurn(ctx context.Context, in ops.Input, address string, look func() (ops.Output, error)) (ops.Output, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return ops.Output{}, ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("address: %w", err))
	}
	turn, err := n.polite.Ask(ctx, politeness.HostPort(host, port), politeness.Wish{Probe: true}, in.Park)
	if err != nil {
		return ops.Output{}, turnFailure(err)
	}
	found := politeness.Outcome{}
	defer func() { turn.Done(found) }()
	out, err := look()
	if err == nil {
		found.Result = politeness.Answered
	} else {
		found = outcome(useragent.Taken{Err: err})
	}
	return out, err
}

// turnFailure is the verdict on a request that has not had its turn. A host that does not answer costs an attempt, so that its items
// end some day.
func turnFailure(err error) error {
	if later, ok := errors.AsType[*politeness.Later](err); ok {
		return ops.Defer(later.After, later)
	}
	if broken, ok := errors.AsType[*politeness.Broken](err); ok {
		return ops.RetryAfter(events.ReasonConnect, broken.After, broken)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return ops.Retry(events.ReasonTimeout, fmt.Errorf("wait for the host's turn: %w", err))
	}
	return fmt.Errorf("wait for the host's turn: %w", err)
}

// outcome is what a server's answer says about how it bears our requests.
func outcome(t useragent.Taken) politeness.Outcome {
	switch {
	case t.Status == http.StatusServiceUnavailable && t.RetryAfter == 0:
		return politeness.Outcome{Result: politeness.Unavailable}
	case t.Status == http.StatusTooManyRequests || t.Status == http.StatusServiceUnavailable:
		return politeness.Outcome{Result: politeness.Overloaded, RetryAfter: t.RetryAfter}
	case t.Status != 0:
		return politeness.Outcome{Result: politeness.Answered}
	case t.Unanswered():
		return politeness.Outcome{Result: politeness.Unreachable, Err: t.Cause()}
	case t.Alive():
		return politeness.Outcome{Result: politeness.Answered}
	default:
		return politeness.Outcome{}
	}
}

// fetchRobots gets a robots.txt, which takes its turn as everything does. It is a robots.Fetch.
func (n *Network) fetchRobots(ctx context.Context, file string, wait useragent.Turn) (status int, body []byte, err error) {
	x, err := n.agent.Exchange(useragent.Request{URL: file, Turn: wait})
	if err != nil {
		return 0, nil, err
	}
	defer x.Facts()                          // ends the turn
	resp, err := x.Send(ctx, http.MethodGet) //nolint:bodyclose // Discard and Prefix close it
	if failure, ok := errors.AsType[*ops.Failure](err); ok && failure.Reason == events.ReasonTooManyRedirects {
		return http.StatusFound, nil, nil // the one that was not followed
	}
	if err != nil {
		return 0, nil, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		useragent.Discard(resp)
		return resp.StatusCode, nil, nil
	}
	body, err = x.Prefix(ctx, resp, robots.MaxBytes+1)
	return resp.StatusCode, body, err
}

// passing tells of errors of fetchRobots that are about the turn and not about the file.
func passing(err error) bool {
	_, later := errors.AsType[*politeness.Later](err)
	_, broken := errors.AsType[*politeness.Broken](err)
	return later || broken
}

// robotsFailure is the verdict when it is not known what robots.txt allows.
func robotsFailure(err error) error {
	unreachable, ok := errors.AsType[*robots.UnreachableError](err)
	if !ok {
		return err // already a verdict, or the context's
	}
	if cause, ok := errors.AsType[*ops.Failure](err); ok { // the page would meet with the same
		return &ops.Failure{Reason: cause.Reason, Err: unreachable, Temporary: cause.Temporary, After: unreachable.After}
	}
	return ops.RetryAfter(events.ReasonRobots, unreachable.After, unreachable)
}
