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

	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: forever}, routerLog{r.env.Log})
	if err != nil {
		return err
	}
	router.AddConsumerHandler(string(r.cfg.Stage), string(r.cfg.Stage), subscriber, r.handle)
	router.AddMiddleware(middleware.Recoverer)

	running, stop := context.WithCancel(context.WithoutCancel(intake))
	defer stop()
	closed := make(chan error, 1)
	stopClose := context.AfterFunc(intake, func() { closed <- closeWithin(work, router) })
	if err := router.Run(running); err != nil {
		stopClose()
		return fmt.Errorf("stage %s: %w", r.cfg.Stage, err)
	}
	if stopClose() {
		return fmt.Errorf("stage %s stopped although nobody asked it to", r.cfg.Stage)
	}
	return <-closed
}

// forever stands for time limits that a context sets instead.
const forever = 365 * 24 * time.Hour

// closeWithin closes the router, and once work has ended waits no longer than handlers need to notice it.
func closeWithin(work context.Context, router *message.Router) error {
	done := make(chan error, 1)
	go func() { done <- router.Close() }()
	select {
	case err := <-done:
		return err
	case <-work.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(closeTimeout):
		return errors.New("some operations did not end although their time was over; their items will be delivered again")
	}
}

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
	v := r.handler(ctx, Message{
		Subject: d.Subject, Header: msg.Metadata, Data: msg.Payload,
		Seq: d.Seq, Stored: d.Stored, Delivery: d.Attempt,
	})
	d.Settling()
	v = r.carryOut(ctx, v)
	if v.again {
		d.RetryAfter(max(v.after, minRest))
		msg.Nack()
	}
	r.metrics.observe(v.Outcome, time.Since(started))
	r.tracing.end(span, v.Outcome)
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
