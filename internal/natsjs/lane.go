package natsjs

import (
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// pullExpiry is how long a request for messages stays open on the broker.
	pullExpiry = 30 * time.Second
	// maxHeartbeat is what the broker accepts for that expiry.
	maxHeartbeat = pullExpiry / 2
	// pauseAfterFault is how long a lane rests when the broker has refused a request.
	pauseAfterFault = time.Second
)

// lane is one source of a subscription: its inbox, the messages that have arrived, and what is still requested.
type lane struct {
	sub      *subscription
	source   Source
	consumer jetstream.Consumer
	weight   int
	acked    atomic.Pointer[string] // where the latest acknowledgement went; nil if there was none

	// What follows is guarded by the subscription's lock.

	inbox       string
	listener    *nats.Subscription
	silent      chan struct{} // closed when nothing more comes from the listener
	buffer      []*Delivery   // arrived; those before head are gone
	head        int
	requested   int           // asked for and neither arrived nor given up
	heartbeat   time.Duration // of the newest request
	heard       time.Time     // when anything came last
	delivered   time.Time     // when a message came last
	pausedUntil time.Time
	backlog     uint64 // what the broker had left for the lane when it sent the latest message
	credit      int
}

// open starts listening, on a new inbox. The broker answers the requests of one lane on one subject.
func (l *lane) open() error {
	inbox := l.sub.nc.NewInbox()
	listener, err := l.sub.nc.Subscribe(inbox, l.receive)
	if err != nil {
		return err
	}
	silent := make(chan struct{})
	listener.SetClosedHandler(func(string) { close(silent) })
	// What is pending here is bounded by what was requested.
	if err := listener.SetPendingLimits(-1, -1); err != nil {
		return errors.Join(err, listener.Unsubscribe())
	}
	l.sub.mu.Lock()
	defer l.sub.mu.Unlock()
	if l.sub.ended { // too late: nobody would close it
		return listener.Unsubscribe()
	}
	l.inbox, l.listener, l.silent = inbox, listener, silent
	l.requested, l.heard, l.delivered = 0, time.Now(), time.Now()
	return nil
}

// close withdraws what is requested. Messages that the broker has sent already still come, or they would be taken for
// delivered until the broker's patience with them ends; after the returned channel is closed nothing comes any more.
func (l *lane) close() (silent <-chan struct{}) {
	l.sub.mu.Lock()
	listener, silent := l.listener, l.silent
	l.sub.mu.Unlock()
	if err := listener.Drain(); err != nil && !l.sub.nc.IsClosed() {
		l.sub.cfg.Log.Debug("unsubscribe failed", "consumer", l.source.Consumer, "error", err)
	}
	return silent
}

func (l *lane) buffered() int { return len(l.buffer) - l.head }

// pop takes the oldest message out of the buffer; nil if there is none.
func (l *lane) pop() *Delivery {
	if l.buffered() == 0 {
		return nil
	}
	d := l.buffer[l.head]
	l.buffer[l.head] = nil
	l.head++
	if l.head == len(l.buffer) {
		l.buffer, l.head = l.buffer[:0], 0
	}
	return d
}

// push puts a message back in front of the buffer.
func (l *lane) push(d *Delivery) {
	if l.head == 0 {
		l.buffer = append([]*Delivery{nil}, l.buffer...)
		l.head = 1
	}
	l.head--
	l.buffer[l.head] = d
}

// request asks the broker for messages (ADR-37 of the NATS architecture: pull consumers).
func (l *lane) request(p pull) {
	body := make([]byte, 0, 96)
	body = append(body, `{"batch":`...)
	body = strconv.AppendInt(body, int64(p.batch), 10)
	body = append(body, `,"expires":`...)
	body = strconv.AppendInt(body, int64(pullExpiry), 10)
	body = append(body, `,"idle_heartbeat":`...)
	body = strconv.AppendInt(body, int64(p.heartbeat), 10)
	body = append(body, '}')
	subject := "$JS.API.CONSUMER.MSG.NEXT." + l.source.Stream + "." + l.source.Consumer
	if err := l.sub.nc.PublishRequest(subject, p.inbox, body); err != nil {
		l.fault(fmt.Errorf("request: %w", err))
	}
}

// receive takes what the broker sends: messages, and the ends of requests.
func (l *lane) receive(m *nats.Msg) {
	s := l.sub
	now := time.Now()
	place, ok := parsePlace(m.Reply)
	if !ok {
		l.status(m, now)
		return
	}
	d := &Delivery{
		Subject: m.Subject, Stream: place.stream, Consumer: place.consumer, Seq: place.seq,
		Stored: time.Unix(0, place.stored), Attempt: place.delivered, lane: l, msg: m, extended: now,
	}
	s.mu.Lock()
	l.heard, l.delivered, l.backlog = now, now, place.pending
	l.requested = max(0, l.requested-1)
	if s.ended {
		s.mu.Unlock()
		s.report(d.nak(s.nc))
		return
	}
	l.buffer = append(l.buffer, d)
	s.held.add(d)
	s.mu.Unlock()
	s.changed.Signal()
}

// status handles what is not a message.
func (l *lane) status(m *nats.Msg, now time.Time) {
	const (
		heartbeat    = "100"
		expired      = "408"
		conflict     = "409"
		noResponders = "503"
	)
	switch code := m.Header.Get("Status"); code {
	case heartbeat:
		l.sub.mu.Lock()
		l.heard = now
		l.sub.mu.Unlock()
	case expired, conflict:
		left, err := strconv.Atoi(m.Header.Get("Nats-Pending-Messages"))
		if err != nil {
			l.fault(fmt.Errorf("the broker ended a request: %s", m.Header.Get("Description")))
			return
		}
		l.sub.mu.Lock()
		l.heard = now
		l.requested = max(0, l.requested-left)
		pulls := l.sub.plan(nil)
		l.sub.mu.Unlock()
		l.sub.send(pulls)
	case noResponders:
		l.fault(fmt.Errorf("no answer from JetStream for consumer %s of stream %s: it does not exist, or the broker is not ready",
			l.source.Consumer, l.source.Stream))
	default:
		l.fault(fmt.Errorf("the broker refused a request: %s %s", code, m.Header.Get("Description")))
	}
}

// fault forgets what was requested, and rests before asking again.
func (l *lane) fault(err error) {
	s := l.sub
	s.mu.Lock()
	l.requested, l.backlog = 0, 0
	l.pausedUntil = time.Now().Add(pauseAfterFault)
	ended := s.ended
	s.mu.Unlock()
	if ended {
		return
	}
	s.cfg.Log.Warn("no messages for a moment", "stream", l.source.Stream, "consumer", l.source.Consumer, "error", err)
	time.AfterFunc(pauseAfterFault, s.replan)
}
