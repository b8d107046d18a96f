package bodies

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// errCodeFull is the broker's when a stream has as many bytes as it may (JSStreamStoreFailedF).
const errCodeFull = 10077

// verdict says how an item goes on after an error of the broker. Almost all of them pass.
func verdict(ctx context.Context, doing string, err error) error {
	err = fmt.Errorf("%s: %w", doing, err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	case ctx.Err() != nil:
		return ops.Retry(events.ReasonTimeout, err)
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return ops.Retry(events.ReasonStorage, fmt.Errorf("%w: the broker has no object store for bodies: run `fetchmill setup`", err))
	case errors.Is(err, nats.ErrPermissionViolation):
		return ops.Fail(events.ReasonStorage, fmt.Errorf("%w: the service's user needs the right to it (docs/operating.md)", err))
	}
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == errCodeFull {
		return ops.Retry(events.ReasonStorage, fmt.Errorf("%w: give it more room with --bodies-bytes, or keep bodies shorter with --bodies-age", err))
	}
	return ops.Retry(events.ReasonStorage, err)
}

func gone(b *bucket, name string) error {
	return ops.Fail(events.ReasonNotFound, fmt.Errorf("body %s is not there any more: bodies are kept for %s (--bodies-age); fetch it again", name, b.age))
}

func broken(name string, err error) error {
	return ops.Fail(events.ReasonStorage, fmt.Errorf("body %s is not what was stored: %w", name, err))
}
