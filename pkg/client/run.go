package client

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// runTimeout bounds Run when its context has no deadline.
const runTimeout = time.Minute

// Run does one item of a recipe and returns its finished result, which may be a failed one. What cannot even be started
// (an unknown recipe, a missing parameter) is an *events.Problem. When ctx ends before the result is there the item is not lost:
// its result appears among the results later.
func (c *Client) Run(ctx context.Context, recipe string, it Item) (*events.Result, error) {
	if err := events.ValidName(recipe); err != nil {
		return nil, fmt.Errorf("run recipe: %w", err)
	}
	body, err := it.body()
	if err != nil {
		return nil, fmt.Errorf("run recipe %s: %w", recipe, err)
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, runTimeout)
		defer cancel()
	}
	var r events.Result
	if err := c.request(ctx, &nats.Msg{Subject: events.RunSubject(recipe), Data: body}, &r); err != nil {
		return nil, fmt.Errorf("run recipe %s: %w", recipe, err)
	}
	return &r, nil
}
