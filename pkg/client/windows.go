package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Windows yields the windows of time of a query, those that end last first, without their answers. q.Limit is the size of a page; stop when
// you have enough. An error is the last thing it yields. Those that close from now on are told on events.SubjectWindowClosed.
func (c *Client) Windows(ctx context.Context, q events.WindowQuery) iter.Seq2[events.Window, error] {
	return func(yield func(events.Window, error) bool) {
		if q.Limit <= 0 {
			q.Limit = defaultPage
		}
		for {
			page, err := c.windowPage(ctx, q)
			if err != nil {
				yield(events.Window{}, err)
				return
			}
			for i := range page.Windows {
				if !yield(page.Windows[i], nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			q.After = page.Next
		}
	}
}

// Window tells all about one window. The error wraps ErrNoWindow if the sink does not know it.
func (c *Client) Window(ctx context.Context, id string) (*events.WindowDetail, error) {
	var d events.WindowDetail
	err := c.ask(ctx, events.SubjectQueryWindow, events.WindowDetailQuery{ID: id}, &d)
	if p, ok := errors.AsType[*events.Problem](err); ok && p.Status == http.StatusNotFound {
		return nil, fmt.Errorf("%w: %s; list those that there are with: fetchmill windows ls", ErrNoWindow, id)
	}
	if err != nil {
		return nil, err
	}
	return &d, nil
}

// WindowStreams tells how far the windows of a recipe are, or, if it is "", those of all; at most 100, the newest of each recipe first.
func (c *Client) WindowStreams(ctx context.Context, recipe string) ([]events.WindowStream, error) {
	page, err := c.windowPage(ctx, events.WindowQuery{Recipe: recipe, Limit: 1})
	return page.Streams, err
}

func (c *Client) windowPage(ctx context.Context, q events.WindowQuery) (page events.WindowPage, err error) {
	err = c.ask(ctx, events.SubjectQueryWindows, q, &page)
	return page, err
}
