package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Batches yields all batches, newest first. An error is the last thing it yields.
func (c *Client) Batches(ctx context.Context) iter.Seq2[events.Batch, error] {
	return func(yield func(events.Batch, error) bool) {
		q := events.BatchQuery{Limit: defaultPage}
		for {
			var page events.BatchPage
			if err := c.ask(ctx, events.SubjectQueryBatches, q, &page); err != nil {
				yield(events.Batch{}, err)
				return
			}
			for _, b := range page.Batches {
				if !yield(b, nil) {
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

// Batch tells how far a batch is. The error wraps ErrNoBatch if the sink does not know it (yet).
func (c *Client) Batch(ctx context.Context, id string) (*events.Batch, error) {
	if err := events.ValidBatch(id); err != nil {
		return nil, err
	}
	var page events.BatchPage
	if err := c.ask(ctx, events.SubjectQueryBatches, events.BatchQuery{Batch: id, Limit: 1}, &page); err != nil {
		return nil, err
	}
	if len(page.Batches) == 0 {
		return nil, fmt.Errorf("%w: %s; list those that there are with: fetchmill batch ls", ErrNoBatch, id)
	}
	return &page.Batches[0], nil
}

// Reduced tells what the results of a batch are reduced to so far; nothing if it has no reductions. The error wraps ErrNoBatch if the
// sink does not know it (yet).
func (c *Client) Reduced(ctx context.Context, id string) ([]events.Reduced, error) {
	if err := events.ValidBatch(id); err != nil {
		return nil, err
	}
	var page events.BatchPage
	if err := c.ask(ctx, events.SubjectQueryBatches, events.BatchQuery{Batch: id, Limit: 1, Reduced: true}, &page); err != nil {
		return nil, err
	}
	if len(page.Batches) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNoBatch, id)
	}
	return page.Batches[0].Reduced, nil
}

// CancelBatch asks that nothing more be started of a batch; what is not done yet ends as cancelled.
func (c *Client) CancelBatch(ctx context.Context, id string) error {
	if err := events.ValidBatch(id); err != nil {
		return err
	}
	if err := c.ask(ctx, events.SubjectBatchCancel, events.BatchRequest{Batch: id}, nil); err != nil {
		return fmt.Errorf("cancel batch %s: %w", id, err)
	}
	return nil
}

// WaitOptions says how to wait for a batch. The zero value is fine.
type WaitOptions struct {
	// OnProgress is told how far the batch is, several times a second at first, once a second later.
	OnProgress func(events.Batch)
	// Patience is how long the sink may be away, or not know the batch yet, before waiting is given up; default 10 s.
	Patience time.Duration
}

const (
	defaultPatience = 10 * time.Second
	soonest         = 50 * time.Millisecond
	latest          = time.Second
)

// WaitBatch waits until a batch has finished (see events.Batch.IsFinished) and returns it, with what its results are reduced to.
func (c *Client) WaitBatch(ctx context.Context, id string, o WaitOptions) (*events.Batch, error) {
	if o.Patience <= 0 {
		o.Patience = defaultPatience
	}
	// The announcement only spares the last wait: it may be lost, the question is what counts.
	ended := make(chan struct{}, 1)
	if sub, err := c.nc.Subscribe(events.SubjectBatchDone, announce(id, ended)); err == nil {
		defer func() { _ = sub.Unsubscribe() }()
	}
	began := time.Now()
	heard := began
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		b, err := c.Batch(ctx, id)
		switch {
		case err == nil:
			heard = time.Now()
			if o.OnProgress != nil {
				o.OnProgress(*b)
			}
			if b.IsFinished() {
				b.Reduced, err = c.Reduced(ctx, id)
				if err == nil || !passing(err) {
					return b, err
				}
			}
		case ctx.Err() != nil:
			return nil, fmt.Errorf("wait for batch %s: %w", id, ctx.Err())
		case !passing(err) || time.Since(heard) > o.Patience:
			return nil, fmt.Errorf("wait for batch %s: %w", id, err)
		}
		// A twentieth of the time that it has taken: the end is noticed late by at most that, and never asked for too often.
		timer.Reset(min(max(time.Since(began)/20, soonest), latest))
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for batch %s: %w", id, ctx.Err())
		case <-ended:
		case <-timer.C:
		}
	}
}

// passing tells whether an error may be gone soon: the sink restarts, or has not come to the batch's opening yet.
func passing(err error) bool {
	return unavailable(err) || errors.Is(err, ErrNoBatch) || errors.Is(err, ErrNoService) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, context.DeadlineExceeded) || verdict(err) == silent
}

// unavailable tells whether a service has answered that it cannot do it now, mostly because a stream is full.
func unavailable(err error) bool {
	p, ok := errors.AsType[*events.Problem](err)
	return ok && p.Status == http.StatusServiceUnavailable
}

// announce makes a handler that pokes when the end of a batch is announced.
func announce(id string, poke chan<- struct{}) nats.MsgHandler {
	return func(m *nats.Msg) {
		var b events.Batch
		if json.Unmarshal(m.Data, &b) != nil || b.Batch != id {
			return
		}
		select {
		case poke <- struct{}{}:
		default:
		}
	}
}
