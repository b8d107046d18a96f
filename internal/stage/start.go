package stage

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// startPatience is how long a stage that starts waits for a broker that does not answer: one that is just being restarted should
// not take the services down with it.
const startPatience = time.Minute

var startBackoff = Backoff{First: 100 * time.Millisecond, Most: 2 * time.Second}

// reach asks the broker for what a stage needs to start, again and again while it does not answer.
func reach[T any](ctx context.Context, log *slog.Logger, what string, ask func() (T, error)) (T, error) {
	began := time.Now()
	for try := 0; ; try++ {
		got, err := ask()
		if err == nil || !silent(err) || ctx.Err() != nil || time.Since(began) > startPatience {
			return got, err
		}
		log.Warn("the broker does not answer yet; asking again", "what", what, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(startBackoff.Delay(try)):
		}
	}
}

// silent tells whether an error means that the broker is away or not ready, and not that something is missing there.
func silent(err error) bool {
	if _, broken := errors.AsType[net.Error](err); broken {
		return true
	}
	for _, passing := range []error{
		context.DeadlineExceeded, nats.ErrTimeout, nats.ErrNoResponders, nats.ErrDisconnected,
		nats.ErrConnectionReconnecting, nats.ErrReconnectBufExceeded, jetstream.ErrJetStreamNotEnabled,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}
