package natsjs

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

// Source is a durable pull consumer that a subscription takes messages from. Among sources that have messages, each gets a share
// of the workers in proportion to its weight, so that none starves.
type Source struct {
	Stream   string
	Consumer string
	Weight   int // at least 1
}

// SubscriberConfig says how a Subscriber works. Zero fields take the defaults.
type SubscriberConfig struct {
	// Sources names the consumers behind a topic. They must exist. Required.
	Sources func(topic string) ([]Source, error)
	// Workers is how many messages of a subscription are worked on at the same time, until SetWorkers changes it. Default 64.
	Workers int
	// MaxParked is how many bundles may be parked at the same time: they have no worker's place, but they cost memory. Default 1024
	// or four times the workers, whichever is more.
	MaxParked int
	// MaxBundle is how many messages may be handed out together as one Watermill message, to a handler that knows Bundle. Default 1.
	MaxBundle int
	// BundleTime is for how much work a bundle is meant, judged by how long messages took lately; 0 bundles all that there is.
	BundleTime time.Duration
	// DrainTimeout is how long, after the end of a subscription, messages under way may still be acknowledged. Those left
	// are handed back to the broker at once. Default 30 s.
	DrainTimeout time.Duration
	// NakDelay is how long a nacked message rests if its handler has not set a time. Default 1 s.
	NakDelay time.Duration
	// Lookahead is how far ahead messages are fetched, as the time in which they will be started at the present rate:
	// enough to hide the round trip to the broker, and little enough to leave other workers their share. Default 50 ms.
	Lookahead time.Duration
	// Heartbeat is how often the broker shows that a request for messages is alive; after three of them missed it is
	// made anew. Default 10 s, at most 15 s.
	Heartbeat time.Duration
	// Log gets what goes wrong between here and the broker. Default: nothing.
	Log *slog.Logger
}

func (c *SubscriberConfig) setDefaults() {
	positive := func(d *time.Duration, or time.Duration) {
		if *d <= 0 {
			*d = or
		}
	}
	if c.Workers <= 0 {
		c.Workers = 64
	}
	c.MaxBundle = max(1, c.MaxBundle)
	positive(&c.DrainTimeout, 30*time.Second)
	positive(&c.NakDelay, time.Second)
	positive(&c.Lookahead, 50*time.Millisecond)
	positive(&c.Heartbeat, 10*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Subscriber hands out messages of JetStream pull consumers. It is a Watermill message.Subscriber.
type Subscriber struct {
	nc  *nats.Conn
	cfg SubscriberConfig

	mu     sync.Mutex
	closed bool
	ends   map[*subscription]context.CancelFunc
	wg     sync.WaitGroup
}

// NewSubscriber makes a subscriber on a connection, which stays the caller's.
func NewSubscriber(nc *nats.Conn, cfg SubscriberConfig) (*Subscriber, error) {
	if cfg.Sources == nil {
		return nil, fmt.Errorf("subscriber: no sources are configured")
	}
	cfg.setDefaults()
	if cfg.Heartbeat > maxHeartbeat {
		return nil, fmt.Errorf("subscriber: heartbeat %s is longer than %s, which the broker accepts at most", cfg.Heartbeat, maxHeartbeat)
	}
	return &Subscriber{nc: nc, cfg: cfg, ends: map[*subscription]context.CancelFunc{}}, nil
}

// Subscribe hands out the messages of a topic until ctx ends or the subscriber is closed. Then no more messages are handed out and the
// channel closes, while those under way have the drain time to be acknowledged. A message's context has the values
// of ctx, but ends only when the message is acknowledged or nacked, or the drain time is over.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	sources, err := s.cfg.Sources(topic)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	s.mu.Lock()
	cfg := s.cfg
	s.mu.Unlock()
	// This asks the broker, which may take its time, so Close must not have to wait for it.
	sub, err := newSubscription(ctx, s.nc, cfg, sources)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		sub.abandon()
		return nil, fmt.Errorf("subscribe to %s: %w", topic, ErrClosed)
	}
	sub.setLimit(s.cfg.Workers) // it may have changed meanwhile
	intake, end := context.WithCancel(ctx)
	s.ends[sub] = end
	s.wg.Go(func() {
		sub.run(intake)
		end()
		s.mu.Lock()
		delete(s.ends, sub)
		s.mu.Unlock()
	})
	return sub.out, nil
}

// Hurry ends the drain time of all subscriptions, and with it the contexts of their messages: what is under way is handed
// back to the broker at once.
func (s *Subscriber) Hurry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub, end := range s.ends {
		end()
		sub.giveUp()
	}
}

// Close ends all subscriptions and returns when their messages are settled, after the drain time at the latest.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	s.closed = true
	for _, end := range s.ends {
		end()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return nil
}
