package topology

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Advise adds to the error of a look-up what to do where the broker says that it has no such thing. Other errors stay as they are: a broker that
// does not answer is not helped by setup.
func Advise(err error) error {
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrBucketNotFound) {
		return fmt.Errorf("%w: run `fetchmill setup` first", err)
	}
	return err
}
