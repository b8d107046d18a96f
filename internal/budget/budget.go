// Package budget shares out a number of bytes among those who work at the same time, so that together they take no more than there is,
// however many and however large they are.
package budget

import (
	"context"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// Budget is a number of bytes for all who share it. It may be used from many goroutines. A nil *Budget has no bound.
type Budget struct {
	bytes int64
	free  *semaphore.Weighted
	taken atomic.Int64
}

// New makes a budget of so many bytes.
func New(bytes int64) *Budget { return &Budget{bytes: bytes, free: semaphore.NewWeighted(bytes)} }

// Bytes is how many there are in all.
func (b *Budget) Bytes() int64 { return b.bytes }

// Taken is how many are taken now.
func (b *Budget) Taken() int64 { return b.taken.Load() }

// Share is what one of those who share a budget has of it. It is used from one goroutine.
type Share struct {
	budget *Budget
	has    int64
}

// Acquire waits until there are so many bytes, or until ctx ends. First come, first served: who wants much is not passed by those who want
// little, for ever. Release the share in the end.
func (b *Budget) Acquire(ctx context.Context, bytes int64) (*Share, error) {
	s := &Share{budget: b}
	if b == nil || bytes <= 0 {
		return s, nil
	}
	if bytes > b.bytes {
		return nil, &TooLarge{Wanted: bytes, Budget: b.bytes}
	}
	if err := b.free.Acquire(ctx, bytes); err != nil {
		return nil, fmt.Errorf("wait for %d bytes of memory: %w", bytes, context.Cause(ctx))
	}
	s.has = bytes
	b.taken.Add(bytes)
	return s, nil
}

// Resize makes the share so large, if that is possible at once: it never waits, because who waits and keeps what it has can wait for
// somebody who does the same. An error is of type *Shortage or *TooLarge.
func (s *Share) Resize(bytes int64) error {
	more := bytes - s.has
	switch {
	case s.budget == nil || more == 0:
		return nil
	case more < 0:
		s.give(-more)
		return nil
	case bytes > s.budget.bytes:
		return &TooLarge{Wanted: bytes, Budget: s.budget.bytes}
	case !s.budget.free.TryAcquire(more):
		return &Shortage{Wanted: bytes}
	}
	s.has = bytes
	s.budget.taken.Add(more)
	return nil
}

// Release gives everything back. A share that was released is empty and may be resized again.
func (s *Share) Release() {
	if s.has > 0 {
		s.give(s.has)
	}
}

func (s *Share) give(bytes int64) {
	s.has -= bytes
	s.budget.taken.Add(-bytes)
	s.budget.free.Release(bytes)
}

// Shortage means that so many bytes are not free now. Release what there is, and acquire all of it.
type Shortage struct{ Wanted int64 }

func (s *Shortage) Error() string {
	return fmt.Sprintf("%d bytes of memory are not free now", s.Wanted)
}

// TooLarge means that so many bytes will never be free.
type TooLarge struct{ Wanted, Budget int64 }

func (t *TooLarge) Error() string {
	return fmt.Sprintf("it would take %d MB of memory, and there are %d MB for all items together", ceilMB(t.Wanted), t.Budget>>20)
}

func ceilMB(bytes int64) int64 { return (bytes + 1<<20 - 1) >> 20 }
