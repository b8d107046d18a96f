package politeness

import (
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/fetchmill/fetchmill/internal/topology"
)

// Bus carries messages to all fetchers, the sender too, as well as it can: a lost one is made up for by the next.
type Bus interface {
	Publish(data []byte) error
	// Subscribe has every message handled, one after the other, until stop is called.
	Subscribe(handle func(data []byte)) (stop func(), err error)
}

// Subject is where fetchers tell each other what they need to know to be polite together.
const Subject = topology.SubjectFetchers

// OnNATS is a Bus on core NATS, without any stream. The connection must get its own messages back, as it does by default.
func OnNATS(nc *nats.Conn) Bus { return natsBus{nc} }

type natsBus struct{ nc *nats.Conn }

func (b natsBus) Publish(data []byte) error { return b.nc.Publish(Subject, data) }

func (b natsBus) Subscribe(handle func(data []byte)) (stop func(), err error) {
	sub, err := b.nc.Subscribe(Subject, func(m *nats.Msg) { handle(m.Data) })
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", Subject, err)
	}
	return func() { _ = sub.Unsubscribe() }, nil // on an error the connection is closed, and the subscription with it
}
