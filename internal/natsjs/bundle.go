package natsjs

import (
	"context"
	"sync"
	"time"
)

// Bundle is the messages that one Watermill message stands for: one, unless the subscriber may hand out several together.
// What is quick to handle is bundled, so that the cost of handing out, publishing and acknowledging is shared.
//
// Acking or nacking the Watermill message settles all messages of the bundle that have not been settled one by one.
type Bundle struct {
	sub *subscription

	mu      sync.Mutex
	list    []*Delivery
	next    int // the first that has not been started
	started time.Time
	freed   bool
	parked  time.Time     // since when; zero if it is not
	waited  time.Duration // parked before
}

type bundleKey struct{}

// BundleOf returns the bundle that a message's context belongs to.
func BundleOf(ctx context.Context) (*Bundle, bool) {
	b, ok := ctx.Value(bundleKey{}).(*Bundle)
	return b, ok
}

// DeliveryOf returns the delivery that a message's context belongs to; of a bundle, the first.
func DeliveryOf(ctx context.Context) (*Delivery, bool) {
	b, ok := BundleOf(ctx)
	if !ok {
		return nil, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.list[0], true
}

// finish lets no more messages be started, and returns those that have not been given back.
func (b *Bundle) finish() []*Delivery {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next = len(b.list)
	return b.list
}

// Len is how many messages are in the bundle.
func (b *Bundle) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.list)
}

// Next starts the next message; nil if there is none.
func (b *Bundle) Next() *Delivery {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == len(b.list) {
		return nil
	}
	d := b.list[b.next]
	b.next++
	return d
}

// Return gives back what has not been started, to be handed out to other workers at once: for a worker that finds itself
// slower than expected.
func (b *Bundle) Return() {
	b.mu.Lock()
	rest := b.list[b.next:]
	b.list = b.list[:b.next:b.next]
	waited := b.waited
	b.mu.Unlock()
	if len(rest) > 0 {
		b.sub.takeBack(rest, time.Since(b.started)-waited)
	}
}

// Free says that the work on the bundle is done and only what comes of it is still to be confirmed: its worker is free for another
// one. How much may be unconfirmed is limited, so that a broker that does not confirm stops the intake.
func (b *Bundle) Free() {
	now := time.Now()
	b.mu.Lock()
	b.unpark(now)
	first, n, waited := !b.freed, len(b.list), b.waited
	b.freed = true
	b.mu.Unlock()
	if first {
		b.sub.freeWorker(n, now, now.Sub(b.started)-waited)
	}
}

// Park says that the bundle's worker only waits from now on, until resume is called: somebody else has its place meanwhile, and
// gets what has not been started of the bundle, too. The message stays held and is kept alive. How many may be parked is limited; beyond
// that the worker keeps its place, and resume does nothing. Calling resume again does nothing either, and Free resumes what is left parked.
func (b *Bundle) Park() (resume func()) {
	b.mu.Lock()
	b.next = max(b.next, min(1, len(b.list))) // a handler that knows no bundles has started the one message without saying so
	b.mu.Unlock()
	b.Return()
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.freed || !b.parked.IsZero() || !b.sub.park(now) {
		return func() {}
	}
	b.parked = now
	return sync.OnceFunc(b.resume)
}

func (b *Bundle) resume() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unpark(time.Now())
}

// unpark ends the parking, if it is parked. The caller holds the lock.
func (b *Bundle) unpark(now time.Time) {
	if b.parked.IsZero() {
		return
	}
	b.waited += now.Sub(b.parked)
	b.parked = time.Time{}
	b.sub.unpark(now)
}
