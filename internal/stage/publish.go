package stage

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/fetchmill/fetchmill/internal/natsjs"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Send publishes and waits for the confirmations. It tells of each message whether its stream already had it.
func Send(ctx context.Context, p *natsjs.Publisher, out []Outgoing) (duplicate []bool, err error) {
	if len(out) == 0 {
		return nil, nil
	}
	msgs := make([]*nats.Msg, len(out))
	for i, o := range out {
		msgs[i] = natsjs.NewMsg(o.Subject, o.Header[events.HeaderMsgID], o.Header, o.Data)
	}
	return p.Send(ctx, msgs...)
}
