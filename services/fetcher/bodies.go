package fetcher

import (
	"context"
	"io"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// inlineBytes is the largest body that travels in the item, unless configured. Twice as much would, in base64, no longer fit in one message of NATS.
const inlineBytes = 512 << 10

// Bodies keeps bodies that are too large to travel in an item, under names made of their content.
type Bodies interface {
	// Put keeps what r yields until its end. Its errors are verdicts.
	Put(ctx context.Context, r io.Reader) (events.BodyRef, error)
	// Get opens a body that was put. Its errors are verdicts; one is that it is no longer there.
	Get(ctx context.Context, ref events.BodyRef) (io.ReadCloser, error)
	// Renew makes sure that a body that was put stays for a good while from now. Its errors are those of Get.
	Renew(ctx context.Context, ref events.BodyRef) error
}
