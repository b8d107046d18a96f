package notices

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/natsjs"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/services/sink/notices/channels"
)

// Config says how notices are sent. Its zero value has no channels.
type Config struct {
	Channels *channels.Catalogue
	Backoff  stage.Backoff // between attempts of a channel that takes nothing; from 1 s to 5 min if zero
	Look     time.Duration // how often it is looked for dead letters and for notices without a channel; a minute if zero
}

func (c Config) withDefaults() Config {
	if c.Backoff == (stage.Backoff{}) {
		c.Backoff = stage.Backoff{First: time.Second, Most: 5 * time.Minute}
	}
	if c.Look == 0 {
		c.Look = time.Minute
	}
	return c
}

// Service sends notices on the channels of a catalogue, and decides on those about batches and dead letters.
type Service struct {
	env       host.Env
	cfg       Config
	js        jetstream.JetStream
	publisher *natsjs.Publisher
	workers   map[string]*worker // by channel
}

// New makes the service. It asks nothing of the broker before Run. The catalogue stays the caller's.
func New(env host.Env, cfg Config) (*Service, error) {
	js, err := jetstream.New(env.Conn)
	if err != nil {
		return nil, fmt.Errorf("notices: %w", err)
	}
	publisher, err := natsjs.NewPublisher(env.Conn)
	if err != nil {
		return nil, fmt.Errorf("notices: %w", err)
	}
	m, err := newMetrics(env.Metrics)
	if err != nil {
		return nil, errors.Join(err, publisher.Close())
	}
	s := &Service{env: env, cfg: cfg.withDefaults(), js: js, publisher: publisher, workers: map[string]*worker{}}
	for _, name := range cfg.Channels.Names() {
		s.workers[name] = newWorker(cfg.Channels.Find(name), s.cfg.Backoff, s.publish, m.channel(name), env.Log)
	}
	return s, nil
}

// publish returns when the broker has all messages.
func (s *Service) publish(ctx context.Context, out ...stage.Outgoing) error {
	_, err := stage.Send(ctx, s.publisher, out)
	return err
}

// Run works until intake ends, and then until what is under way is sent, or work ends. What it cannot do it logs: whatever is wrong with
// notices keeps no results from being stored.
func (s *Service) Run(intake, work context.Context) {
	var running sync.WaitGroup
	defer func() {
		running.Wait()
		_ = s.publisher.Close() // everything is confirmed by now, or comes again
	}()
	for _, w := range s.workers {
		running.Go(func() { s.work(intake, work, w) })
	}
	running.Go(func() { newOrphans(s).run(intake) })
	if rules := s.cfg.Channels.BatchRules(); len(rules) > 0 || len(s.workers) > 0 {
		running.Go(func() { newBatches(s, rules).run(intake) })
	}
	if rule := s.cfg.Channels.DeadLetterRule(); len(rule.Channels) > 0 {
		running.Go(func() { newGrowth(s, rule).run(intake) })
	}
}

// work sends the notices of one channel.
func (s *Service) work(intake, work context.Context, w *worker) {
	c, ok := s.consumer(intake, topology.NoticeConsumer(w.channel.Name))
	if !ok {
		return
	}
	w.consumer = c
	var running sync.WaitGroup
	defer running.Wait()
	for range w.channel.Concurrency {
		running.Go(func() { w.run(intake, work) })
	}
}

const (
	startFirst = 200 * time.Millisecond
	startMost  = 30 * time.Second
)

// consumer finds a durable consumer, and makes it if there is none. It tries until that succeeds or ctx ends.
func (s *Service) consumer(ctx context.Context, want topology.Consumer) (jetstream.Consumer, bool) {
	pause := stage.Backoff{First: startFirst, Most: startMost}
	for try := 0; ; try++ {
		c, err := s.js.Consumer(ctx, want.Stream, want.Name)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			c, err = s.js.CreateConsumer(ctx, want.Stream, want.ConsumerConfig)
		}
		switch {
		case err == nil:
			return c, true
		case ctx.Err() != nil:
			return nil, false
		case errors.Is(err, jetstream.ErrStreamNotFound):
			err = fmt.Errorf("%w; create what is missing with: fetchmill setup", err)
		}
		s.env.Log.Error("notices have to wait: their consumer is not there", "stream", want.Stream, "consumer", want.Name, logError, err)
		if !host.Pause(ctx, pause.Delay(try)) {
			return nil, false
		}
	}
}
