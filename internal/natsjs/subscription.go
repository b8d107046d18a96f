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

	"github.com/fetchmill/fetchmill/internal/topology"
)

// subscription takes messages from its lanes and hands them out to at most limit workers.
//
// Messages arrive in the lanes' buffers; dispatch picks the next ones by weight and hands them out; settle waits for an ack or nack and
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
	limit    int // workers at the same time, those that are parked not counted
	inFlight int // bundles that workers are at, parked ones included
	parked   int // of those, the ones whose workers only wait
	held     heldSet
	rate     rate // of settled messages
	pace     pace // of workers

	unconfirmed int       // messages whose workers are free again
	connected   time.Time // when the connection was made, or the subscription
	meter       meter
}

const (
	// maxUnconfirmed bounds the messages whose outcome waits for its confirmation, or four bundles do.
	maxUnconfirmed = 2048
	// infoTimeout bounds the request for a consumer's settings.
	infoTimeout = 10 * time.Second
	// silenceTimeout bounds the wait for messages that are on the way when a subscription ends. It is over in a round trip
	// unless the connection is lost, and then nothing is on the way.
	silenceTimeout = 2 * time.Second
	// confirmTimeout bounds the wait for the broker's word that it has heeded the last acknowledgements.
	confirmTimeout = 2 * time.Second
)

func newSubscription(ctx context.Context, nc *nats.Conn, cfg SubscriberConfig, sources []Source) (*subscription, error) {
	if len(sources) == 0 {
		return nil, errors.New("the topic has no sources")
	}
	s := &subscription{
		nc: nc, cfg: cfg, out: make(chan *message.Message),
		ackWait: time.Hour, limit: cfg.Workers, meter: meter{since: time.Now()}, connected: time.Now(),
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
	if err != nil {
		return nil, topology.Advise(err)
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
	s.confirmAnswers()
}

// confirmAnswers returns when the broker has heeded all answers. It heeds those to one consumer in their order, so the latest
// acknowledgement is sent once more, with a wish for a reply. That they have arrived is not enough: a broker that is
// stopped now, as that of `fetchmill up` is, would forget them, and what is done would be done again.
func (s *subscription) confirmAnswers() {
	for _, l := range s.lanes {
		reply := l.acked.Load()
		if reply == nil || s.nc.IsClosed() {
			continue
		}
		if _, err := s.nc.Request(*reply, ackDone, confirmTimeout); err != nil {
			s.cfg.Log.Warn("the last acknowledgements may not have reached the broker; their messages will be delivered again",
				"consumer", l.source.Consumer, "error", err)
		}
	}
	_ = s.nc.FlushTimeout(confirmTimeout) // of what was handed back where nothing was acknowledged
}

// dispatch hands out messages as long as there are workers free for them.
func (s *subscription) dispatch(intake context.Context) {
	s.mu.Lock()
	pulls := s.plan(nil)
	s.mu.Unlock()
	for {
		s.send(pulls)
		s.mu.Lock()
		for !s.ended && (s.working() >= s.limit || s.unconfirmed >= max(maxUnconfirmed, 4*s.cfg.MaxBundle) || s.nothingBuffered()) {
			s.changed.Wait()
		}
		s.ended = s.ended || intake.Err() != nil // its end may be known before run notes it: nothing is begun from then on
		if s.ended {
			s.mu.Unlock()
			return
		}
		list := s.gather()
		now := time.Now()
		s.count(now)
		s.inFlight++
		pulls = s.plan(pulls[:0])
		s.mu.Unlock()
		s.handOut(intake, list, now)
	}
}

// handOut makes one Watermill message of a bundle.
func (s *subscription) handOut(intake context.Context, list []*Delivery, now time.Time) {
	d := list[0]
	var msg *message.Message
	if s.cfg.MaxBundle > 1 { // its handler looks at the deliveries
		msg = message.NewMessage("", nil)
	} else {
		msg = unmarshal(d.msg, place{stream: d.Stream, seq: d.Seq})
	}
	b := &Bundle{sub: s, list: list, started: now}
	ctx, cancel := context.WithCancel(context.WithValue(s.base, bundleKey{}, b))
	msg.SetContext(ctx)
	select {
	case s.out <- msg:
		s.workers.Add(1)
		go s.settle(b, msg, cancel)
	case <-intake.Done():
		cancel()
		for _, d := range list {
			d.Nak(0)
		}
		b.Free()
		s.confirmed(len(list))
	}
}

// settle waits for what becomes of a bundle and tells the broker about those of its messages that it has not been told of.
func (s *subscription) settle(b *Bundle, msg *message.Message, cancel context.CancelFunc) {
	defer s.workers.Done()
	select {
	case <-msg.Acked():
	case <-msg.Nacked():
	case <-s.base.Done():
	}
	b.Free()
	// What was decided before the time was over holds.
	answer := func(d *Delivery) { d.Nak(0) }
	switch {
	case isClosed(msg.Acked()):
		answer = (*Delivery).Ack
	case isClosed(msg.Nacked()):
		answer = func(d *Delivery) {
			d.nakDelay.CompareAndSwap(0, int64(s.cfg.NakDelay))
			d.Nak(time.Duration(d.nakDelay.Load()))
		}
	}
	list := b.finish()
	for _, d := range list {
		answer(d)
	}
	cancel()
	s.confirmed(len(list))
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// freeWorker makes room for the next bundle. n messages wait for the confirmation of what came of them.
func (s *subscription) freeWorker(n int, now time.Time, took time.Duration) {
	s.mu.Lock()
	s.count(now)
	s.inFlight--
	s.unconfirmed += n
	s.pace.add(n, took)
	pulls := s.plan(nil)
	s.mu.Unlock()
	s.changed.Signal()
	s.send(pulls)
}

// confirmed makes room for more that is unconfirmed.
func (s *subscription) confirmed(n int) {
	s.mu.Lock()
	s.unconfirmed -= n
	s.mu.Unlock()
	s.changed.Signal()
}

// takeBack puts messages back into their lanes, in front. The worker that had them took so long for the others that
// bundles have to be smaller.
func (s *subscription) takeBack(list []*Delivery, took time.Duration) {
	s.mu.Lock()
	ended := s.ended
	if !ended {
		s.pace.add(1, took)
		for i := len(list) - 1; i >= 0; i-- {
			list[i].lane.push(list[i])
		}
	}
	s.mu.Unlock()
	if ended {
		for _, d := range list {
			d.Nak(0)
		}
	}
	s.changed.Signal()
}

// forget notes that a message is settled. It returns false if it has been before.
func (s *subscription) forget(d *Delivery) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.held.remove(d) {
		return false
	}
	s.rate.add(time.Now())
	return true
}

func (s *subscription) handBackBuffered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lanes {
		for d := l.pop(); d != nil; d = l.pop() {
			s.report(d.nak(s.nc))
			s.held.remove(d)
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
