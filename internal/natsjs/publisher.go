package natsjs

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// publishTimeout is how long a confirmation may take. The message may have been stored even so; publishing it
	// again with the same message id does no harm.
	publishTimeout = 10 * time.Second
	// maxPending bounds the publishes that wait for their confirmation, over all callers.
	maxPending = 1 << 16
)

// Error codes of the broker (nats-server, server/errors.json).
const (
	codeAccountLimits   = 10002
	codeServerLimits    = 10023
	codeMessageTooLarge = 10054
	codeHeadersTooLarge = 10097
	codeStoreFailed     = 10077 // with discard-new: the stream has reached its limits
)

// Publisher publishes to JetStream streams. It is safe for concurrent use, and the more callers, the better the pipelining.
type Publisher struct {
	js     jetstream.JetStream
	closed atomic.Bool
}

// NewPublisher makes a publisher on a connection, which stays the caller's.
func NewPublisher(nc *nats.Conn) (*Publisher, error) {
	js, err := jetstream.New(nc,
		jetstream.WithPublishAsyncMaxPending(maxPending),
		jetstream.WithPublishAsyncTimeout(publishTimeout))
	if err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	return &Publisher{js: js}, nil
}

// Publish sends messages to the subject that is the topic, all at once, and returns when the broker has confirmed all of
// them. A message whose metadata has a Nats-Msg-Id may be published again without harm.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	out := make([]*nats.Msg, len(messages))
	for i, m := range messages {
		out[i] = NewMsg(topic, m.UUID, m.Metadata, m.Payload)
	}
	_, err := p.Send(context.Background(), out...)
	return err
}

// Send is Publish for messages that may go to different subjects. It tells of each message whether the stream already
// had it. On an error some of the messages may have been stored.
func (p *Publisher) Send(ctx context.Context, messages ...*nats.Msg) (duplicate []bool, err error) {
	if p.closed.Load() {
		return nil, fmt.Errorf("publisher: %w", ErrClosed)
	}
	futures := make([]jetstream.PubAckFuture, len(messages))
	for i, m := range messages {
		if futures[i], err = p.js.PublishMsgAsync(m); err != nil {
			return nil, fmt.Errorf("publish to %s: %w", m.Subject, classify(err))
		}
	}
	duplicate = make([]bool, len(messages))
	var errs []error
	for i, f := range futures {
		select {
		case ack := <-f.Ok():
			duplicate[i] = ack.Duplicate
		case err := <-f.Err():
			errs = append(errs, fmt.Errorf("publish to %s: %w", messages[i].Subject, classify(err)))
		case <-ctx.Done():
			return nil, fmt.Errorf("publish to %s: %w", messages[i].Subject, ctx.Err())
		}
	}
	return duplicate, errors.Join(errs...)
}

// Close refuses further publishes. Those under way end by themselves.
func (p *Publisher) Close() error {
	p.closed.Store(true)
	return nil
}

func classify(err error) error {
	if errors.Is(err, nats.ErrMaxPayload) {
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		switch api.ErrorCode {
		case codeMessageTooLarge, codeHeadersTooLarge:
			return fmt.Errorf("%w: %w", ErrTooLarge, err)
		case codeStoreFailed, codeServerLimits, codeAccountLimits:
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
	}
	return err
}
