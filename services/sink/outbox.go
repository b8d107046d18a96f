package sink

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	// outboxAtOnce is how many rows are published together.
	outboxAtOnce = 200
	// sendTime is how long that may take before another sink gets its turn.
	sendTime = 30 * time.Second
	// lookAgain is how often a sink looks for what others have left in a database that they share.
	lookAgain = time.Second
)

// Outbox publishes what transactions have decided to tell. A row is deleted after the broker has confirmed it, so a crash
// between leads to a second message with the same id.
type Outbox struct {
	db      *store.DB
	wholes  Wholes
	publish func(context.Context, []stage.Outgoing) error
	log     *slog.Logger
}

// NewOutbox returns an outbox loop; publish returns when the broker has confirmed all messages. wholes has the items whose results the ends
// of batches bring about.
func NewOutbox(db *store.DB, wholes Wholes, publish func(context.Context, []stage.Outgoing) error, log *slog.Logger) *Outbox {
	return &Outbox{db: db, wholes: wholes, publish: publish, log: log}
}

// Run publishes what is there, and then whatever is written, until ctx ends.
func (o *Outbox) Run(ctx context.Context) {
	var look <-chan time.Time
	if o.db.Shared() { // another sink may have died with something in its outbox
		ticker := time.NewTicker(lookAgain)
		defer ticker.Stop()
		look = ticker.C
	}
	parts := []*part{{of: store.Announcements, send: o.send}, {of: store.Notices, send: o.sendNotices}}
	for {
		for _, p := range parts {
			o.drain(ctx, p)
		}
		var again <-chan time.Time
		if wait := soonest(parts); wait > 0 {
			again = time.After(wait)
		}
		select {
		case <-o.db.OutboxReady():
		case <-look:
		case <-again:
		case <-ctx.Done():
			return
		}
	}
}

// part is a part of the outbox. What holds up one does not hold up the other: notices wait while their stream is full.
type part struct {
	of   store.OutboxPart
	send func(context.Context, []store.OutboxRow) (int, error)
	wait backoff
	next time.Time // before then it is not tried again
}

// soonest is how long it is to the first try of those parts that have failed; 0 if none has.
func soonest(parts []*part) (wait time.Duration) {
	for _, p := range parts {
		if p.next.IsZero() {
			continue
		}
		if d := max(time.Until(p.next), time.Millisecond); wait == 0 || d < wait {
			wait = d
		}
	}
	return wait
}

// drain publishes until a part of the outbox is empty, or it fails.
func (o *Outbox) drain(ctx context.Context, p *part) {
	if time.Now().Before(p.next) {
		return
	}
	p.next = time.Time{}
	for ctx.Err() == nil {
		n, err := o.db.DrainOutbox(ctx, p.of, outboxAtOnce, p.send)
		if n > 0 {
			p.wait = backoff{}
		}
		switch {
		case ctx.Err() != nil:
		case err != nil:
			delay := p.wait.next()
			p.next = time.Now().Add(delay)
			if !errors.Is(err, store.ErrBusy) {
				o.log.Error("cannot publish from the outbox", logError, err, logRetryIn, delay)
			}
			return
		case n == 0:
			p.wait = backoff{}
			return
		}
	}
}

// sendNotices publishes notices one after the other once they do not all get through, and so knows which of them have: one that waits for too
// long after it was sent would be sent twice, as the broker remembers what it has for a while only.
func (o *Outbox) sendNotices(ctx context.Context, rows []store.OutboxRow) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	out := make([]stage.Outgoing, len(rows))
	for i, r := range rows {
		out[i] = outgoing(r)
	}
	if o.publish(ctx, out) == nil {
		return len(rows), nil
	}
	for i := range out {
		if err := o.publish(ctx, out[i:i+1]); err != nil {
			return i, err
		}
	}
	return len(rows), nil
}

func outgoing(r store.OutboxRow) stage.Outgoing {
	return stage.Outgoing{Subject: r.Subject, Header: events.Headers(r.MsgID, r.Type, events.StageSink), Data: r.Data}
}

func (o *Outbox) send(ctx context.Context, rows []store.OutboxRow) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	out, batches, err := o.ended(ctx, rows)
	if err != nil {
		return 0, err
	}
	for _, r := range rows {
		out = append(out, outgoing(r))
	}
	if err := o.publish(ctx, out); err != nil {
		return 0, err
	}
	for _, b := range batches {
		if err := o.wholes.Forget(ctx, b); err != nil { // it would only be told again, and it goes by itself some day
			o.log.Warn("an item that was split has ended and cannot be forgotten", logItem, b, logError, err)
		}
	}
	return len(rows), nil
}
