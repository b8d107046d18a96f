package stage

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/internal/topology"
)

// Cancellations knows which batches are cancelled, and ends the contexts of their items.
type Cancellations struct {
	mu        sync.Mutex
	cancelled map[string]struct{}
	running   map[string]map[*context.CancelCauseFunc]struct{} // by batch
}

// NewCancellations makes an empty set.
func NewCancellations() *Cancellations {
	return &Cancellations{
		cancelled: map[string]struct{}{},
		running:   map[string]map[*context.CancelCauseFunc]struct{}{},
	}
}

// rewatch is the rest before the bucket is watched again after a watch has broken off.
const rewatch = time.Second

// Watch follows the control bucket until ctx ends. It returns when what the bucket has now is known, and follows on by itself;
// the returned function waits for its end.
func (c *Cancellations) Watch(ctx context.Context, nc *nats.Conn) (wait func(), err error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	watcher, err := watch(ctx, js)
	if err != nil {
		return nil, err
	}
	for {
		entry, ok := next(ctx, watcher)
		if !ok || entry == nil { // all that was there has come
			break
		}
		c.apply(entry)
	}
	var following sync.WaitGroup
	following.Go(func() { c.follow(ctx, js, watcher) })
	return following.Wait, nil
}

// follow applies what comes. The client gives a watch up when it fails to renew it, as may happen while a broker restarts; then
// all that is in the bucket is read anew.
func (c *Cancellations) follow(ctx context.Context, js jetstream.JetStream, watcher jetstream.KeyWatcher) {
	for {
		for watcher != nil {
			entry, ok := next(ctx, watcher)
			if !ok {
				break
			}
			if entry != nil {
				c.apply(entry)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(rewatch):
		}
		watcher, _ = watch(ctx, js) // on an error it is tried again
	}
}

// next waits for an update. It returns false when the watch has broken off or ctx has ended; the client does not end a watch
// whose context ends while it begins.
func next(ctx context.Context, watcher jetstream.KeyWatcher) (entry jetstream.KeyValueEntry, ok bool) {
	select {
	case entry, ok = <-watcher.Updates():
		return entry, ok
	case <-ctx.Done():
		_ = watcher.Stop() // on an error it has ended already
		return nil, false
	}
}

func watch(ctx context.Context, js jetstream.JetStream) (jetstream.KeyWatcher, error) {
	kv, err := js.KeyValue(ctx, topology.BucketControl)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", topology.BucketControl, topology.Advise(err))
	}
	watcher, err := kv.Watch(ctx, topology.CancelKey(">"), jetstream.MetaOnly())
	if err != nil {
		return nil, fmt.Errorf("watch bucket %s: %w", topology.BucketControl, err)
	}
	return watcher, nil
}

func (c *Cancellations) apply(entry jetstream.KeyValueEntry) {
	batch := strings.TrimPrefix(entry.Key(), topology.CancelKey(""))
	if entry.Operation() == jetstream.KeyValuePut {
		c.Cancel(batch)
		return
	}
	c.mu.Lock()
	delete(c.cancelled, batch)
	c.mu.Unlock()
}

// Cancel marks a batch as cancelled and ends the contexts of its items.
func (c *Cancellations) Cancel(batch string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancelled[batch] = struct{}{}
	for end := range c.running[batch] {
		(*end)(errCancelled)
	}
}

// of is Context, or ctx itself if there is no batch.
func (c *Cancellations) of(ctx context.Context, batch string) (_ context.Context, release func()) {
	if batch == "" {
		return ctx, func() {}
	}
	return c.Context(ctx, batch)
}

// Context derives the context of an item: it ends with errCancelled as cause when the batch is cancelled, which may be
// right away. The caller releases it.
func (c *Cancellations) Context(ctx context.Context, batch string) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, yes := c.cancelled[batch]; yes {
		cancel(errCancelled)
		return ctx, func() {}
	}
	if c.running[batch] == nil {
		c.running[batch] = map[*context.CancelCauseFunc]struct{}{}
	}
	c.running[batch][&cancel] = struct{}{}
	return ctx, func() {
		c.mu.Lock()
		delete(c.running[batch], &cancel)
		if len(c.running[batch]) == 0 {
			delete(c.running, batch)
		}
		c.mu.Unlock()
		cancel(nil)
	}
}
