package fetcher

import (
	"context"
	"io"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Bodies keeps what is too large to travel along with an item.
type Bodies interface {
	// Put stores what r yields. Its errors are verdicts.
	Put(ctx context.Context, r io.Reader) (events.BodyRef, error)
}
