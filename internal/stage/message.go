// Package stage runs the handler of a service on the messages of its consumers: at most so many at a time, each answered by
// a verdict that becomes broker actions. What a verdict publishes is confirmed before the message is acknowledged, so a
// crash at any moment leads to a redelivery and never to a loss.
package stage

import (
	"context"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Message is one delivery as a handler sees it.
type Message struct {
	Subject  string
	Header   map[string]string // of a repeated header, the first value
	Data     []byte
	Seq      uint64    // its place in its stream
	Stored   time.Time // when its stream stored it
	Delivery int       // 1 for the first delivery; what a dying worker had in its hands comes again

	park func() (resume func()) // nil where messages are handled together
}

// Park says that the handler only waits from now on, until resume is called: another message has its place meanwhile. Without places to
// give away it does nothing.
func (m Message) Park() (resume func()) {
	if m.park == nil {
		return func() {}
	}
	return m.park()
}

// Handler does a stage's work with one message and says what comes of it. When ctx ends it should return Again(0) soon.
// A panic counts as a failed delivery; the message comes again.
type Handler func(ctx context.Context, m Message) Verdict

// TogetherHandler does a stage's work with messages that are there at the same time, and says of each what comes of it.
// For the rest it is like Handler.
type TogetherHandler func(ctx context.Context, list []Message) []Verdict

// Outgoing is a message to publish. Header must have events.HeaderMsgID, so that publishing it twice does no harm.
type Outgoing struct {
	Subject string
	Header  map[string]string
	Data    []byte
}

// Outcome is what came of a message, in few words: it is a metric label.
type Outcome string

// The outcomes of all stages.
const (
	OutcomeDone      Outcome = "done"      // handed on
	OutcomeFailed    Outcome = "failed"    // ended as a failed result
	OutcomeCancelled Outcome = "cancelled" // ended as a cancelled result
	OutcomeRetry     Outcome = "retry"     // comes again later
	OutcomeWaiting   Outcome = "waiting"   // could not begin yet, and comes again later
	OutcomeRejected  Outcome = "rejected"  // cannot be read: dead letter
)

// Verdict is what a handler decides about a message.
type Verdict struct {
	Outcome Outcome
	Publish []Outgoing // confirmed by the broker before the message is acknowledged
	// Smaller, if set, is what to decide instead when the broker finds something in Publish too large.
	Smaller func() Verdict

	reason events.Reason // why the attempt failed or the item ended, empty if it did not

	again bool // the broker delivers the message again, after a rest
	back  bool // Publish takes the message back to its own stream; if that does not succeed at once, again holds instead
	after time.Duration
}

// Done publishes out and then acknowledges the message.
func Done(outcome Outcome, out ...Outgoing) Verdict { return Verdict{Outcome: outcome, Publish: out} }

// Because tells why an attempt failed or an item ended, which is counted.
func (v Verdict) Because(reason events.Reason) Verdict {
	v.reason = reason
	return v
}

// Again hands the message back to the broker, to be delivered again not before after has passed.
func Again(after time.Duration) Verdict {
	return Verdict{Outcome: OutcomeRetry, again: true, after: after}
}

// Later is Again for a message whose work has not begun.
func Later(after time.Duration) Verdict {
	return Verdict{Outcome: OutcomeWaiting, again: true, after: after}
}
