package stage

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"

	"github.com/fetchmill/fetchmill/internal/natsjs"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Send publishes and waits for the confirmations. It tells of each message whether its stream already had it. On an error
// some of the messages may have been stored.
func Send(ctx context.Context, p *natsjs.Publisher, out []Outgoing) (duplicate []bool, err error) {
	duplicate = make([]bool, len(out))
	var errs []error
	for i, r := range p.Send(ctx, wire(out)...) {
		duplicate[i] = r.Duplicate
		errs = append(errs, r.Err)
	}
	return duplicate, errors.Join(errs...)
}

// wire makes messages for the wire.
func wire(out []Outgoing) []*nats.Msg {
	msgs := make([]*nats.Msg, len(out))
	for i, o := range out {
		msgs[i] = natsjs.NewMsg(o.Subject, o.Header[events.HeaderMsgID], o.Header, o.Data)
	}
	return msgs
}
