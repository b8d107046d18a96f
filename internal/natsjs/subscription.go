package natsjs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// subscription takes messages from its lanes and hands them out to at most cfg.Workers workers.
//
// Messages arrive in the lanes' buffers; dispatch picks the next one by weight and hands it out; settle waits for its ack or nack and
// tells the broker. Whenever room appears, more is requested from the broker.
type subscription struct {
	nc      *nats.Conn
	cfg     SubscriberConfig
	out     chan *message.Message
	base    context.Context //nolint:containedctx // of the messages: values of the subscriber's context, ends with the drain time
	giveUp  context.CancelFunc
	workers sync.WaitGroup // one for each message handed out
	lanes   []*lane
	ackWait time.Duration // the shortest of the lanes

	mu       sync.Mutex
	changed  *sync.Cond // a message arrived, a worker became free, or intake ended
	ended    bool
	inFlight int                    // messages that workers are at
	settling int                    // messages whose workers are free again
	held     map[*Delivery]struct{} // buffered or in flight
	rate     rate                   // of settled messages
}

// maxSettling bounds the messages whose outcome waits for its confirmation.
const maxSettling = 1024

const (
	// infoTimeout bounds the request for a consumer's settings.
	infoTimeout = 10 * time.Second
	// silenceTimeout bounds the wait for messages that are on the way when a subscription ends. It is over in a round trip
	// unless the connection is lost, and then nothing is on the way.
	silenceTimeout = 2 * time.Second
)

func newSubscription(ctx context.Context, nc *nats.Conn, cfg SubscriberConfig, sources []Source) (*subscription, error) {
	if len(sources) == 0 {
		return nil, errors.New("the topic has no sources")
	}
	s := &subscription{
		nc: nc, cfg: cfg, out: make(chan *message.Message),
		held: map[*Delivery]struct{}{}, ackWait: time.Hour,
	}
	s.changed = sync.NewCond(&s.mu)
	s.base, s.giveUp = context.WithCancel(context.WithoutCancel(ctx))
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	for _, src := range sources {
		l, err := s.bind(ctx, js, src)
		if err != nil {
			s.abandon()
			return nil, fmt.Errorf("consumer %s of stream %s: %w", src.Consumer, src.Stream, err)
		}
		s.lanes = append(s.lanes, l)
	}
	return s, nil
}

// abandon undoes what newSubscription did. Nothing has been requested yet.
func (s *subscription) abandon() {
	for _, l := range s.lanes {
		l.close()
	}
	s.giveUp()
}

// bind looks a consumer up and opens its inbox.
func (s *subscription) bind(ctx context.Context, js jetstream.JetStream, src Source) (*lane, error) {
	ctx, cancel := context.WithTimeout(ctx, infoTimeout)
	defer cancel()
	consumer, err := js.Consumer(ctx, src.Stream, src.Consumer)
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil, fmt.Errorf("%w: run `fetchmill setup` first", err)
	}
	if err != nil {
		return nil, err
	}
	if wait := consumer.CachedInfo().Config.AckWait; wait > 0 {
		s.ackWait = min(s.ackWait, wait)
	}
	l := &lane{sub: s, source: src, consumer: consumer, weight: max(1, src.Weight)}
	if err := l.open(); err != nil {
		return nil, err
	}
	return l, nil
}

// run hands messages out until intake ends or the connection is closed for good, and then drains.
func (s *subscription) run(intake context.Context) {
	intake, end := context.WithCancel(intake)
	defer end()
	stopWatching := context.AfterFunc(intake, func() {
		s.mu.Lock()
		s.ended = true
		s.mu.Unlock()
		s.changed.Broadcast()
	})
	defer stopWatching()

	var upkeep sync.WaitGroup
	upkeepCtx, stopUpkeep := context.WithCancel(context.Background())
	upkeep.Go(func() { s.keepAlive(upkeepCtx) })
	upkeep.Go(func() { s.watchLanes(upkeepCtx) })
	upkeep.Go(func() {
		s.watchConnection(upkeepCtx, func() {
			end()
			s.giveUp()
		})
	})

	s.dispatch(intake)
	s.stopLanes()
	s.handBackBuffered()
	close(s.out)

	drained := time.AfterFunc(s.cfg.DrainTimeout, s.giveUp)
	s.workers.Wait()
	drained.Stop()
	s.giveUp()
	stopUpkeep()
	upkeep.Wait()
	// What was acknowledged last must reach the broker, or it would be delivered again.
	if err := s.nc.FlushTimeout(time.Second); err != nil && !s.nc.IsClosed() {
		s.cfg.Log.Warn("the last acknowledgements may not have reached the broker; their messages will be delivered again", "error", err)
	}
}

// dispatch hands out messages as long as there are workers free for them.
func (s *subscription) dispatch(intake context.Context) {
	s.mu.Lock()
	pulls := s.plan(nil)
	s.mu.Unlock()
	for {
		s.send(pulls)
		s.mu.Lock()
		var l *lane
		for {
			if s.ended {
				s.mu.Unlock()
				return
			}
			if s.inFlight < s.cfg.Workers && s.settling < maxSettling {
				if l = s.pick(); l != nil {
					break
				}
			}
			s.changed.Wait()
		}
		d := l.pop()
		s.inFlight++
		pulls = s.plan(pulls[:0])
		s.mu.Unlock()
		s.handOut(intake, d)
	}
}

func (s *subscription) handOut(intake context.Context, d *Delivery) {
	msg := unmarshal(d.msg, place{stream: d.Stream, seq: d.Seq})
	ctx, cancel := context.WithCancel(context.WithValue(s.base, deliveryKey{}, d))
	msg.SetContext(ctx)
	select {
	case s.out <- msg:
		s.workers.Add(1)
		go s.settle(d, msg, cancel)
	case <-intake.Done():
		cancel()
		s.report(d.nak(s.nc))
		s.release(d)
	}
}

// settle waits for what becomes of a message and tells the broker.
func (s *subscription) settle(d *Delivery, msg *message.Message, cancel context.CancelFunc) {
	defer s.workers.Done()
	select {
	case <-msg.Acked():
	case <-msg.Nacked():
	case <-s.base.Done():
	}
	// What was decided before the time was over holds.
	switch {
	case isClosed(msg.Acked()):
		s.report(d.ack(s.nc))
	case isClosed(msg.Nacked()):
		d.nakDelay.CompareAndSwap(0, int64(s.cfg.NakDelay))
		s.report(d.nak(s.nc))
	default:
		d.nakDelay.Store(0)
		s.report(d.nak(s.nc))
	}
	cancel()
	s.release(d)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// settlingBegins makes room for the next message.
func (s *subscription) settlingBegins(d *Delivery) {
	s.mu.Lock()
	if d.settling {
		s.mu.Unlock()
		return
	}
	d.settling = true
	s.settling++
	s.inFlight--
	pulls := s.plan(nil)
	s.mu.Unlock()
	s.changed.Signal()
	s.send(pulls)
}

// release forgets a message that is settled.
func (s *subscription) release(d *Delivery) {
	s.mu.Lock()
	delete(s.held, d)
	if d.settling {
		s.settling--
	} else {
		s.inFlight--
	}
	s.rate.add(time.Now())
	pulls := s.plan(nil)
	s.mu.Unlock()
	s.changed.Signal()
	s.send(pulls)
}

func (s *subscription) handBackBuffered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lanes {
		for d := l.pop(); d != nil; d = l.pop() {
			s.report(d.nak(s.nc))
			delete(s.held, d)
		}
	}
}

// stopLanes ends the lanes. What still comes from them while it waits is handed back as it comes.
func (s *subscription) stopLanes() {
	var silent []<-chan struct{}
	for _, l := range s.lanes {
		silent = append(silent, l.close())
	}
	patience := time.NewTimer(silenceTimeout)
	defer patience.Stop()
	for _, c := range silent {
		if !s.nc.IsConnected() {
			return
		}
		select {
		case <-c:
		case <-patience.C:
			return
		}
	}
}

// report notes that the broker could not be told something. It will deliver the message again, which is safe.
func (s *subscription) report(err error) {
	if err != nil {
		s.cfg.Log.Debug("an answer to the broker was lost; the message will be delivered again", "error", err)
	}
}
