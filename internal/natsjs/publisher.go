package natsjs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

const (
	// publishTimeout is how long a confirmation may take. The message may have been stored even so; publishing it
	// again with the same message id does no harm.
	publishTimeout = 10 * time.Second
	// maxFlights is how many flights may be on their way before further messages gather for the next one.
	maxFlights = 2
	// maxGather is how long messages gather at most, so that a broker slow to confirm does not hold up what is new.
	maxGather = 20 * time.Millisecond
)

// Publisher publishes to JetStream streams. It is safe for concurrent use.
//
// Messages travel in flights, like the rows of a group commit: what is published while flights are on their way gathers and goes
// out together with the next one. At rest a message leaves at once; under load the flights grow, and with them the share of
// messages for each system call here and in the broker.
type Publisher struct {
	nc       *nats.Conn
	prefix   string // of the subjects that confirmations come to; a number follows
	listener *nats.Subscription
	status   chan nats.Status

	mu        sync.Mutex
	closed    bool
	gathered  []*publication
	flights   int
	departed  time.Time // of the last flight
	callAgain *time.Timer
	pending   pendingList
}

// publication is one message on its way.
type publication struct {
	msg    *nats.Msg
	call   *call
	index  int // in its call
	flight *flight
}

// flight is what went out together.
type flight struct{ open int }

// Receipt is what the broker says about one message.
type Receipt struct {
	Duplicate bool  // the stream had it already
	Err       error // it was not stored, or nobody knows
}

// call is one Send.
type call struct {
	receipts []Receipt
	open     int
	done     chan struct{}
}

// NewPublisher makes a publisher on a connection, which stays the caller's. Close it to free its subscription.
func NewPublisher(nc *nats.Conn) (*Publisher, error) {
	p := &Publisher{nc: nc, prefix: nc.NewInbox() + "."}
	listener, err := nc.Subscribe(p.prefix+"*", p.confirm)
	if err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	// What is pending here is bounded by what was sent.
	if err := listener.SetPendingLimits(-1, -1); err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	p.listener = listener
	p.status = nc.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	go p.watchConnection()
	return p, nil
}

// Publish sends messages to the subject that is the topic and returns when the broker has confirmed all of them. A message whose
// metadata has a Nats-Msg-Id may be published again without harm.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	out := make([]*nats.Msg, len(messages))
	for i, m := range messages {
		out[i] = NewMsg(topic, m.UUID, m.Metadata, m.Payload)
	}
	var errs []error
	for _, r := range p.Send(context.Background(), out...) {
		errs = append(errs, r.Err)
	}
	return errors.Join(errs...)
}

// Send is Publish for messages that may go to different subjects, and with a receipt for each. The messages' Reply is overwritten.
func (p *Publisher) Send(ctx context.Context, messages ...*nats.Msg) []Receipt {
	c := &call{receipts: make([]Receipt, len(messages)), open: len(messages), done: make(chan struct{})}
	if len(messages) == 0 {
		return c.receipts
	}
	p.mu.Lock()
	refused := ctx.Err()
	if p.closed {
		refused = ErrClosed
	}
	if refused != nil {
		p.mu.Unlock()
		for i := range c.receipts {
			c.receipts[i].Err = fmt.Errorf("publish to %s: %w", messages[i].Subject, refused)
		}
		return c.receipts
	}
	for i, m := range messages {
		p.gathered = append(p.gathered, &publication{msg: m, call: c, index: i})
	}
	p.depart()
	p.mu.Unlock()

	timeout := time.NewTimer(publishTimeout)
	defer timeout.Stop()
	select {
	case <-c.done:
	case <-timeout.C:
		p.forget(c, fmt.Errorf("no confirmation within %s", publishTimeout))
	case <-ctx.Done():
		p.forget(c, ctx.Err())
	}
	return c.receipts
}

// Close refuses further publishes and fails those that wait for their confirmation.
func (p *Publisher) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	p.failAll(ErrClosed)
	p.nc.RemoveStatusListener(p.status)
	if p.callAgain != nil {
		p.callAgain.Stop()
	}
	if err := p.listener.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		return fmt.Errorf("publisher: %w", err)
	}
	return nil
}

// depart sends off what has gathered, unless it should gather on. The caller holds the lock.
func (p *Publisher) depart() {
	if len(p.gathered) == 0 {
		return
	}
	if wait := maxGather - time.Since(p.departed); p.flights >= maxFlights && wait > 0 {
		if p.callAgain == nil {
			p.callAgain = time.AfterFunc(wait, func() {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.callAgain = nil
				p.depart()
			})
		}
		return
	}
	list := p.gathered
	p.gathered = nil
	f := &flight{open: len(list)}
	p.flights++
	p.departed = time.Now()
	for _, pub := range list {
		pub.flight = f
		number := p.pending.add(pub)
		pub.msg.Reply = p.prefix + strconv.FormatUint(number, 36)
		if err := p.nc.PublishMsg(pub.msg); err != nil {
			p.settle(number, false, err)
		}
	}
}

// settle notes what became of one message. The caller holds the lock.
func (p *Publisher) settle(number uint64, duplicate bool, err error) {
	pub := p.pending.take(number)
	if pub == nil {
		return
	}
	p.finish(pub, duplicate, err)
	if pub.flight.open--; pub.flight.open == 0 {
		p.flights--
	}
}

func (p *Publisher) finish(pub *publication, duplicate bool, err error) {
	c := pub.call
	c.receipts[pub.index].Duplicate = duplicate
	if err != nil {
		c.receipts[pub.index].Err = fmt.Errorf("publish to %s: %w", pub.msg.Subject, classify(err))
	}
	if c.open--; c.open == 0 {
		close(c.done)
	}
}

// confirm takes the broker's answer to one message.
func (p *Publisher) confirm(m *nats.Msg) {
	number, err := strconv.ParseUint(m.Subject[len(p.prefix):], 36, 64)
	if err != nil {
		return // not ours
	}
	duplicate, err := parseConfirmation(m)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle(number, duplicate, err)
	p.depart()
}

// forget ends a call that nobody waits for any more, so that a lost flight does not count as on its way for ever.
func (p *Publisher) forget(c *call, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for number, pub := range p.pending.all() {
		if pub.call == c {
			p.settle(number, false, err)
		}
	}
	keep := p.gathered[:0]
	for _, pub := range p.gathered {
		if pub.call == c {
			p.finish(pub, false, err)
		} else {
			keep = append(keep, pub)
		}
	}
	p.gathered = keep
	p.depart()
}

// watchConnection fails what is pending when the connection is lost: its confirmations will not come. It ends with the
// connection, even if nobody closes the publisher.
func (p *Publisher) watchConnection() {
	for status := range p.status {
		p.mu.Lock()
		p.failAll(nats.ErrDisconnected)
		p.mu.Unlock()
		if status == nats.CLOSED {
			return
		}
	}
}

func (p *Publisher) failAll(err error) {
	for number := range p.pending.all() {
		p.settle(number, false, err)
	}
	for _, pub := range p.gathered {
		p.finish(pub, false, err)
	}
	p.gathered = nil
}
