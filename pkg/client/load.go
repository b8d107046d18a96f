package client

import (
	"context"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// WorkerLoad asks one of the workers of a stage (fetch or crunch), whichever gets the request, how busy it is. Status tells it of all.
func (c *Client) WorkerLoad(ctx context.Context, stage events.Stage) (events.Load, error) {
	var l events.Load
	err := c.ask(ctx, events.LoadSubject(stage), nil, &l)
	return l, err
}
