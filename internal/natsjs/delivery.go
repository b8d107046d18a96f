package natsjs

import (
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

	lane     *lane
	msg      *nats.Msg
	nakDelay atomic.Int64 // nanoseconds

	// Guarded by the subscription's lock.
	extended time.Time // when the broker last heard that the message is being worked on
	held     int       // place in the subscription's heldSet
}

// Header is the message's headers. They must not be changed.
func (d *Delivery) Header() nats.Header { return d.msg.Header }

// Data is the message's data. It must not be changed.
func (d *Delivery) Data() []byte { return d.msg.Data }

// RetryAfter sets how long the broker waits before it delivers the message again, if it is nacked.
func (d *Delivery) RetryAfter(delay time.Duration) { d.nakDelay.Store(int64(delay)) }

// Ack tells the broker that the message is done. Only the first answer to a delivery counts.
func (d *Delivery) Ack() {
	if s := d.lane.sub; s.forget(d) {
		d.lane.acked.Store(&d.msg.Reply)
		s.report(d.ack(s.nc))
	}
}

// Nak hands the message back, to be delivered again not before delay has passed. Only the first answer to a delivery counts.
func (d *Delivery) Nak(delay time.Duration) {
	if s := d.lane.sub; s.forget(d) {
		d.RetryAfter(delay)
		s.report(d.nak(s.nc))
	}
}

// Answers to a delivery (nats-server ADR-42 and the JetStream wire protocol).
var (
	ackDone     = []byte("+ACK")
	ackProgress = []byte("+WPI")
)

func (d *Delivery) ack(nc *nats.Conn) error { return nc.Publish(d.msg.Reply, ackDone) }

func (d *Delivery) inProgress(nc *nats.Conn) error { return nc.Publish(d.msg.Reply, ackProgress) }

// nak always names a delay. The broker remembers one without only in memory: after a restart, such as that of `fetchmill up`, the
// message would not come again before the broker's patience with the worker has ended.
func (d *Delivery) nak(nc *nats.Conn) error {
	answer := strconv.AppendInt([]byte(`-NAK {"delay":`), max(1, d.nakDelay.Load()), 10)
	return nc.Publish(d.msg.Reply, append(answer, '}'))
}
