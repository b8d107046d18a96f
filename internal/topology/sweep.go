package topology

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// sweep removes from a work queue what its consumer has acknowledged. The broker does that itself, but a restart in between can leave a
// message behind that is in no queue any more: the consumer's state is then newer than the stream's (seen with nats-server 2.15.2, about
// once in a hundred restarts under load). Such a message is done; it only takes up room and makes the queue look as if it were not empty.
func sweep(ctx context.Context, js jetstream.JetStream, c Consumer) error {
	stream, err := js.Stream(ctx, c.Stream)
	if err != nil {
		return err
	}
	consumer, err := stream.Consumer(ctx, c.Name)
	if err != nil {
		return err
	}
	floor := consumer.CachedInfo().AckFloor.Stream // everything up to it is acknowledged
	if state := stream.CachedInfo().State; state.Msgs == 0 || state.FirstSeq > floor {
		return nil
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject(c.FilterSubject), jetstream.WithPurgeSequence(floor+1)); err != nil {
		return fmt.Errorf("remove what is acknowledged: %w", err)
	}
	return nil
}
