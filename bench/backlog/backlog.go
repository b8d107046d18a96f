// Package backlog submits the same work again and again, so that what is measured always has enough to do.
package backlog

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/fetchmill/fetchmill/pkg/client"
)

// Work says what is submitted.
type Work struct {
	Recipe, Text string
	Batch        string // all of it is in this batch
}

// Backlog submits as many items as are wanted.
type Backlog struct {
	work   Work
	client *client.Client
	stop   context.CancelFunc
	wanted atomic.Int64
	taken  atomic.Int64
	more   chan struct{}
	ended  chan struct{} // closed when submitting has ended, with err
	err    error
}

// Start submits nothing until something is wanted. Stop must be called in the end.
func Start(ctx context.Context, c *client.Client, w Work) *Backlog {
	submitting, stop := context.WithCancel(ctx)
	b := &Backlog{work: w, client: c, stop: stop, more: make(chan struct{}, 1), ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		_, b.err = c.Submit(ctx, w.Recipe, b.items(submitting), client.SubmitOptions{Batch: w.Batch})
	}()
	return b
}

// items yields the same work as often as it is wanted.
func (b *Backlog) items(ctx context.Context) func(yield func(client.Item, error) bool) {
	return func(yield func(client.Item, error) bool) {
		for {
			for b.taken.Load() >= b.wanted.Load() {
				select {
				case <-ctx.Done():
					return
				case <-b.more:
				}
			}
			if ctx.Err() != nil {
				return
			}
			b.taken.Add(1)
			if !yield(client.Item{Text: b.work.Text}, nil) {
				return
			}
		}
	}
}

// Want has so many items submitted since the start; fewer than before changes nothing. It is for one goroutine at a time.
func (b *Backlog) Want(n int64) {
	b.wanted.Store(max(b.wanted.Load(), n))
	select {
	case b.more <- struct{}{}:
	default:
	}
}

// Submitted is how many items have been.
func (b *Backlog) Submitted() int64 { return b.taken.Load() }

// Done is how many items have been done. The batch has a counter, so asking costs little, however many there are.
func (b *Backlog) Done(ctx context.Context) (int64, error) {
	state, err := b.client.Batch(ctx, b.work.Batch)
	if errors.Is(err, client.ErrNoBatch) { // the first items are on their way
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if state.Failed > 0 {
		return 0, fmt.Errorf("%d items failed", state.Failed)
	}
	return state.OK, nil
}

// Ended is closed when nothing more is submitted.
func (b *Backlog) Ended() <-chan struct{} { return b.ended }

// Err is why nothing more is submitted, once that is so.
func (b *Backlog) Err() error { return fmt.Errorf("submitting ended: %w", b.err) }

// Stop submits nothing more and waits for what is on its way to the broker.
func (b *Backlog) Stop() error {
	b.stop()
	<-b.ended
	if errors.Is(b.err, context.Canceled) {
		return nil
	}
	return b.err
}
