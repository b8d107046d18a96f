package useragent

import (
	"context"

	"golang.org/x/sync/semaphore"
)

const (
	// freeWindow is not counted: it is no more than the body itself may have in memory.
	freeWindow = 256 << 10
	// briefWindows and longWindows are how many bytes the windows of decoders have at the same time, in one agent.
	briefWindows = 64 << 20
	longWindows  = 128 << 20
	// prefetch is how much of an encoded body is read before a decoder is taken for it. Most bodies have come whole by then, and their
	// decoders never wait for the network: so few are needed, however many fetches are in flight.
	prefetch = 64 << 10
)

// windows bounds the memory of decoders. A server chooses how much of it a body needs, up to 16 MiB, whatever the body's size.
type windows struct {
	brief *semaphore.Weighted // decoders that have all their input, which cannot be held up by servers
	long  *semaphore.Weighted
}

func newWindows() *windows {
	return &windows{brief: semaphore.NewWeighted(briefWindows), long: semaphore.NewWeighted(longWindows)}
}

// take waits until there is room for so many bytes. release is nil for few.
func (w *windows) take(ctx context.Context, bytes int64, whole bool) (release func(), err error) {
	if bytes <= freeWindow {
		return nil, nil //nolint:nilnil // there is nothing to release
	}
	of := w.long
	if whole {
		of = w.brief
	}
	if err := of.Acquire(ctx, bytes); err != nil {
		return nil, err
	}
	return func() { of.Release(bytes) }, nil
}
