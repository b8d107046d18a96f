package natsjs

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// Delivery is what JetStream tells about one delivery of a message. It travels in the message's context.
type Delivery struct {
	Subject  string
	Stream   string
	Consumer string
	Seq      uint64    // in the stream
	Stored   time.Time // when the stream stored it
	Attempt  int       // 1 for the first delivery

	sub      *subscription
	msg      *nats.Msg
	nakDelay atomic.Int64 // nanoseconds

	// Guarded by the subscription's lock.
	extended time.Time // when the broker last heard that the message is being worked on
	settling bool
}

type deliveryKey struct{}

// DeliveryOf returns the delivery that a message's context belongs to.
func DeliveryOf(ctx context.Context) (*Delivery, bool) {
	d, ok := ctx.Value(deliveryKey{}).(*Delivery)
	return d, ok
}

// RetryAfter sets how long the broker waits before it delivers the message again, if it is nacked.
func (d *Delivery) RetryAfter(delay time.Duration) { d.nakDelay.Store(int64(delay)) }

// Settling says that the work on the message is done and only what comes of it is still to be confirmed: its worker is free for
// another message. How many may be settling is limited, so that a broker that does not confirm stops the intake.
func (d *Delivery) Settling() { d.sub.settlingBegins(d) }

// Answers to a delivery (nats-server ADR-42 and the JetStream wire protocol).
var (
	ackDone     = []byte("+ACK")
	ackProgress = []byte("+WPI")
	ackNak      = []byte("-NAK")
)

func (d *Delivery) ack(nc *nats.Conn) error { return nc.Publish(d.msg.Reply, ackDone) }

func (d *Delivery) inProgress(nc *nats.Conn) error { return nc.Publish(d.msg.Reply, ackProgress) }

func (d *Delivery) nak(nc *nats.Conn) error {
	delay := d.nakDelay.Load()
	if delay <= 0 {
		return nc.Publish(d.msg.Reply, ackNak)
	}
	answer := append(strconv.AppendInt([]byte(`-NAK {"delay":`), delay, 10), '}')
	return nc.Publish(d.msg.Reply, answer)
}
