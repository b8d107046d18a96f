package natsjs

import "errors"

var (
	// ErrFull means that a stream refuses because it has reached its limits. Nothing was stored; trying later may succeed.
	ErrFull = errors.New("the stream is full")
	// ErrTooLarge means that a message is larger than the broker or the stream accepts. It will never be stored.
	ErrTooLarge = errors.New("the message is too large")
	// ErrClosed means that a publisher or subscriber has been closed.
	ErrClosed = errors.New("closed")
)
