package stage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/natsjs"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Config says what a Runner works on.
type Config struct {
	Stage       events.Stage
	Sources     []natsjs.Source
	Concurrency int // messages at the same time; at least 1
}

// closeTimeout is how long the router waits for handlers after their contexts have ended.
const closeTimeout = 10 * time.Second

// Runner runs a handler on the messages of a stage's consumers, on Watermill's router.
type Runner struct {
	env       host.Env
	cfg       Config
	handler   Handler
	publisher *natsjs.Publisher
	metrics   *metrics
	tracing   *tracing
}

// New makes a runner. It connects to nothing before Run.
func New(env host.Env, cfg Config, handler Handler) (*Runner, error) {
	if cfg.Concurrency < 1 {
		return nil, fmt.Errorf("concurrency %d is less than 1", cfg.Concurrency)
	}
	publisher, err := natsjs.NewPublisher(env.Conn)
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics(env.Metrics, cfg.Stage)
	if err != nil {
		return nil, err
	}
	return &Runner{
		env: env, cfg: cfg, handler: handler, publisher: publisher,
		metrics: metrics, tracing: newTracing(env.Tracer, cfg.Stage),
	}, nil
}

// Run works until intake ends, and then until what is under way has ended, or work ends: then what is left is
// handed back to the broker at once.
func (r *Runner) Run(intake, work context.Context) error {
	subscriber, err := natsjs.NewSubscriber(r.env.Conn, natsjs.SubscriberConfig{
		Sources:      func(string) ([]natsjs.Source, error) { return r.cfg.Sources, nil },
		Workers:      r.cfg.Concurrency,
		DrainTimeout: forever, // work decides
		Log:          r.env.Log,
	})
	if err != nil {
		return err
	}
	stopHurry := context.AfterFunc(work, subscriber.Hurry)
	defer stopHurry()

	messages, err := subscriber.Subscribe(intake, string(r.cfg.Stage))
	if err != nil {
		return r.ending(intake, work, err)
	}
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

// handle is what the router calls for each message.
func (r *Runner) handle(msg *message.Message) error {
	d, ok := natsjs.DeliveryOf(msg.Context())
	if !ok {
		return errors.New("message without a delivery")
	}
	started := time.Now()
	r.metrics.inFlight.Inc()
	defer r.metrics.inFlight.Dec()

	ctx, span := r.tracing.start(msg.Context(), msg.Metadata)
	v := Again(0) // what a panic amounts to
	defer func() {
		r.metrics.observe(v.Outcome, time.Since(started))
		r.tracing.end(span, v.Outcome)
	}()
	v = r.handler(ctx, Message{
		Subject: d.Subject, Header: msg.Metadata, Data: msg.Payload,
		Seq: d.Seq, Stored: d.Stored, Delivery: d.Attempt,
	})
	d.Settling()
	v = r.carryOut(ctx, v)
	if v.again {
		d.RetryAfter(max(v.after, minRest))
		msg.Nack()
	}
	return nil // the router acknowledges what has not been handed back
}

// minRest keeps a message that is handed back from coming again at once, over and over.
const minRest = 10 * time.Millisecond

// carryOut publishes what a verdict says, and returns the verdict that holds in the end.
func (r *Runner) carryOut(ctx context.Context, v Verdict) Verdict {
	if v.again {
		return v
	}
	r.tracing.inject(ctx, v.Publish)
	err := r.publish(ctx, v.Publish)
	switch {
	case err == nil:
		return v
	case errors.Is(err, ErrTooLarge) && v.Smaller != nil:
		return r.carryOut(ctx, v.Smaller())
	case errors.Is(err, ErrTooLarge):
		r.env.Log.Error("a message is too large for its stream and stays in its queue; allow larger messages on the broker",
			"stage", string(r.cfg.Stage), "error", err)
		return Again(time.Minute)
	default: // ctx has ended
		return Again(0)
	}
}

// publish publishes until the broker has confirmed everything. While a stream is full or the broker is away it waits:
// the worker stays taken, so less is pulled, and the pressure passes upstream. It gives up when ctx ends or the broker
// says that a message is too large.
func (r *Runner) publish(ctx context.Context, out []Outgoing) error {
	for try := 0; ; try++ {
		_, err := Send(ctx, r.publisher, out)
		if err == nil || errors.Is(err, ErrTooLarge) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if try%20 == 0 {
			r.env.Log.Warn("publishing is held up; trying until it succeeds", "stage", string(r.cfg.Stage), "error", err)
		}
		r.metrics.held.Inc()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(publishBackoff.Delay(try)):
		}
	}
}

var publishBackoff = Backoff{First: 50 * time.Millisecond, Most: 2 * time.Second}
