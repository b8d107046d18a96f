package stage

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"golang.org/x/time/rate"

	"github.com/fetchmill/fetchmill/internal/governor"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/natsjs"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Config says what a Runner works on.
type Config struct {
	Stage       events.Stage
	Sources     []natsjs.Source
	Concurrency int // handlers at the same time; at least 1

	governor   *governor.Governor // changes the concurrency; nil if it is fixed
	cpus       float64            // what the concurrency was made of; 0 if it was not
	cpuShare   float64
	maxBundle  int
	bundleTime time.Duration
	lookahead  time.Duration // 0 for the subscriber's own
}

// closeTimeout is how long the router waits for handlers after their contexts have ended.
const closeTimeout = 10 * time.Second

// maxBundle is how many messages are handed out together at most, and bundleTime for how much work a bundle is meant.
const (
	maxBundle  = 128
	bundleTime = 500 * time.Microsecond
)

// togetherLookahead is how far ahead messages are fetched that are handled together: the more there are, the fewer transactions they take,
// and the slower those are, the more should be there for the next one.
const togetherLookahead = time.Second

// Runner runs a handler on the messages of a stage's consumers, on Watermill's router.
type Runner struct {
	env       host.Env
	cfg       Config
	work      func(context.Context, *natsjs.Bundle)
	publisher *natsjs.Publisher
	metrics   *metrics
	tracing   *tracing
	heldLog   rate.Sometimes // about what is held up
	started   atomic.Bool    // messages are taken
	taking    atomic.Pointer[natsjs.Subscriber]
	ended     atomic.Uint64 // messages that will not come again
	again     atomic.Uint64 // messages that will
	pace      pace
}

// New makes a runner that handles messages one by one, so many at the same time. It asks nothing of the broker before Run.
func New(env host.Env, cfg Config, handler Handler) (*Runner, error) {
	r, err := newRunner(env, cfg)
	if err != nil {
		return nil, err
	}
	r.cfg.maxBundle, r.cfg.bundleTime = maxBundle, bundleTime
	r.work = func(ctx context.Context, b *natsjs.Bundle) { r.oneByOne(ctx, b, handler) }
	return r, nil
}

// NewTogether makes a runner that handles together what is there, at most so many messages, with so many handlers at the same
// time as the concurrency says.
func NewTogether(env host.Env, cfg Config, most int, handler TogetherHandler) (*Runner, error) {
	r, err := newRunner(env, cfg)
	if err != nil {
		return nil, err
	}
	r.cfg.maxBundle, r.cfg.lookahead = most, togetherLookahead
	r.work = func(ctx context.Context, b *natsjs.Bundle) { r.together(ctx, b, handler) }
	return r, nil
}

func newRunner(env host.Env, cfg Config) (*Runner, error) {
	if cfg.Concurrency < 1 {
		return nil, fmt.Errorf("concurrency %d is less than 1", cfg.Concurrency)
	}
	publisher, err := natsjs.NewPublisher(env.Conn)
	if err != nil {
		return nil, err
	}
	r := &Runner{
		env: env, cfg: cfg, publisher: publisher, tracing: newTracing(env.Tracer, cfg.Stage),
		heldLog: rate.Sometimes{First: 1, Interval: heldLogInterval},
	}
	if r.metrics, err = newMetrics(env.Metrics, cfg.Stage, r.Load); err != nil {
		return nil, err
	}
	if err := registerBacklog(env, cfg, r.Load); err != nil {
		return nil, err
	}
	return r, nil
}

// Ready tells whether the runner has begun to take messages. It is a host.Check.
func (r *Runner) Ready(context.Context) error {
	if !r.started.Load() {
		return fmt.Errorf("stage %s is still starting", r.cfg.Stage)
	}
	return nil
}

// Run works until intake ends, and then until what is under way has ended, or work ends: then what is left is
// handed back to the broker at once.
func (r *Runner) Run(intake, work context.Context) error {
	subscriber, err := natsjs.NewSubscriber(r.env.Conn, natsjs.SubscriberConfig{
		Sources:      func(string) ([]natsjs.Source, error) { return r.cfg.Sources, nil },
		Workers:      r.cfg.Concurrency,
		MaxBundle:    r.cfg.maxBundle,
		BundleTime:   r.cfg.bundleTime,
		Lookahead:    r.cfg.lookahead,
		DrainTimeout: forever, // work decides
		Log:          r.env.Log,
	})
	if err != nil {
		return err
	}
	defer func() { _ = r.publisher.Close() }()
	stopHurry := context.AfterFunc(work, subscriber.Hurry)
	defer stopHurry()

	messages, err := reach(intake, r.env.Log, "consumers", func() (<-chan *message.Message, error) {
		return subscriber.Subscribe(intake, string(r.cfg.Stage))
	})
	if err != nil {
		return r.ending(intake, work, err)
	}
	r.taking.Store(subscriber)
	r.started.Store(true)
	defer r.govern(intake, subscriber)()
	defer r.watchPace(intake, subscriber)()
	// Returns when all messages are settled and the broker has been told: when the router is done, that is at once.
	defer func() { _ = subscriber.Close() }()

	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: forever}, routerLog{r.env.Log})
	if err != nil {
		return err
	}
	router.AddConsumerHandler(string(r.cfg.Stage), string(r.cfg.Stage), subscribed{messages}, r.handle)
	router.AddMiddleware(middleware.Recoverer)

	ended := make(chan error, 1)
	go func() { ended <- router.Run(intake) }() // it closes itself when intake ends
	select {
	case err := <-ended:
		return r.ending(intake, work, err)
	case <-work.Done():
	}
	// Once work has ended it waits no longer than handlers need to notice it.
	select {
	case err := <-ended:
		return r.ending(intake, work, err)
	case <-time.After(closeTimeout):
		return fmt.Errorf("stage %s: some operations did not end although their time was over; their items will be delivered again", r.cfg.Stage)
	}
}

// ending tells a router that ended because it should from one that failed.
func (r *Runner) ending(intake, work context.Context, err error) error {
	switch {
	case intake.Err() != nil || work.Err() != nil: // also while it was still starting
		return nil //nolint:nilerr // what a router says when it is stopped is no fault
	case err != nil:
		return fmt.Errorf("stage %s: %w", r.cfg.Stage, err)
	default:
		return fmt.Errorf("stage %s stopped although nobody asked it to; the connection to the broker may be closed", r.cfg.Stage)
	}
}

// subscribed is a subscription that was made before the router runs: a router whose handler cannot subscribe can be neither
// run nor closed.
type subscribed struct{ messages <-chan *message.Message }

func (s subscribed) Subscribe(context.Context, string) (<-chan *message.Message, error) {
	return s.messages, nil
}

func (subscribed) Close() error { return nil }

// forever stands for time limits that a context sets instead.
const forever = 365 * 24 * time.Hour

// handle is what the router calls for each bundle of messages. It answers for each message by itself, so what the router does with
// the bundle afterwards concerns only what a panic has left.
func (r *Runner) handle(msg *message.Message) error {
	b, ok := natsjs.BundleOf(msg.Context())
	if !ok {
		return errors.New("message that does not come from JetStream")
	}
	r.work(msg.Context(), b)
	return nil
}
