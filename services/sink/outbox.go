package sink

import (
	"context"
	"log/slog"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// outboxAtOnce is how many rows are published together.
const outboxAtOnce = 200

// Outbox publishes what transactions have decided to tell. A row is deleted after the broker has confirmed it, so a crash
// between leads to a second message with the same id.
type Outbox struct {
	db      *store.DB
	publish func(context.Context, []stage.Outgoing) error
	log     *slog.Logger
}

// NewOutbox returns an outbox loop; publish returns when the broker has confirmed all messages.
func NewOutbox(db *store.DB, publish func(context.Context, []stage.Outgoing) error, log *slog.Logger) *Outbox {
	return &Outbox{db: db, publish: publish, log: log}
}

// Run publishes what is there, and then whatever is written, until ctx ends.
func (o *Outbox) Run(ctx context.Context) {
	for {
		var wait backoff
		for {
			err := o.drain(ctx)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return
			}
			delay := wait.next()
			o.log.Error("cannot publish from the outbox", logError, err, logRetryIn, delay)
			if !pause(ctx, delay) {
				return
			}
		}
		select {
		case <-o.db.OutboxReady():
		case <-ctx.Done():
			return
		}
	}
}

// drain publishes until the outbox is empty.
func (o *Outbox) drain(ctx context.Context) error {
	for {
		rows, err := o.db.Outbox(ctx, outboxAtOnce)
		if err != nil || len(rows) == 0 {
			return err
		}
		out := make([]stage.Outgoing, len(rows))
		ids := make([]int64, len(rows))
		for i, r := range rows {
			out[i] = stage.Outgoing{Subject: r.Subject, Header: events.Headers(r.MsgID, r.Type, events.StageSink), Data: r.Data}
			ids[i] = r.ID
		}
		if err := o.publish(ctx, out); err != nil {
			return err
		}
		if err := o.db.OutboxDone(ctx, ids); err != nil {
			return err
		}
	}
}
