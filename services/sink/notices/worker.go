package notices

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/time/rate"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/services/sink/notices/channels"
)

// worker sends the notices of one channel.
type worker struct {
	channel *channels.Channel
	circuit *circuit
	pace    *rate.Limiter
	bury    func(context.Context, ...stage.Outgoing) error // publishes dead letters, and returns when the broker has them
	log     *slog.Logger
	state   *state
	metrics channelMetrics

	consumer jetstream.Consumer // set before it runs
}

func newWorker(ch *channels.Channel, b stage.Backoff, bury func(context.Context, ...stage.Outgoing) error, m channelMetrics, log *slog.Logger) *worker {
	limit := rate.Inf
	if ch.Pace.Every > 0 {
		limit = rate.Every(ch.Pace.Every)
	}
	return &worker{
		channel: ch, circuit: newCircuit(b), pace: rate.NewLimiter(limit, max(1, ch.Pace.Burst)), bury: bury,
		log: log.With(logChannel, ch.Name), state: new(state), metrics: m,
	}
}

const (
	// idle is how long one request for notices stays open.
	idle = 30 * time.Second
	// brokerRest is how long to rest when the broker does not answer.
	brokerRest = time.Second
)

// run sends notices until intake ends, and then what it has in hand, unless work ends.
func (w *worker) run(intake, work context.Context) {
	for w.pace.Wait(intake) == nil && w.circuit.enter(intake) {
		list, err := w.take(intake)
		if len(list) > 0 {
			w.deliver(work, list)
			continue
		}
		w.circuit.leave()
		if err != nil && intake.Err() == nil {
			w.log.Warn("cannot take notices from the broker; asking again", logError, err)
			host.Pause(intake, brokerRest)
		}
	}
}

// take waits for a notice, and takes with it what a digest can have.
func (w *worker) take(ctx context.Context) ([]*held, error) {
	first, err := fetch(ctx, w.consumer, 1, idle)
	if len(first) == 0 {
		return nil, err
	}
	list := w.hold(nil, first)
	if len(list) == 0 {
		return nil, nil
	}
	if d := w.channel.Digest; d.From > 0 && list[0].meta.NumPending+1 >= uint64(d.From) {
		more, err := fetch(ctx, w.consumer, d.Most-1, 0)
		if err != nil && ctx.Err() == nil {
			w.log.Debug("cannot take more notices for a digest", logError, err)
		}
		list = w.hold(list, more)
	}
	return list, nil
}

func (w *worker) hold(list []*held, msgs []jetstream.Msg) []*held {
	for _, m := range msgs {
		h, err := hold(m, w.channel.Name)
		if err != nil { // it is none of JetStream's
			w.log.Error("a message cannot be read", logError, err)
			continue
		}
		list = append(list, h)
	}
	return list
}

// fetch takes at most so many messages: what is there, or what comes within the time.
func fetch(ctx context.Context, c jetstream.Consumer, most int, wait time.Duration) ([]jetstream.Msg, error) {
	var batch jetstream.MessageBatch
	var err error
	if wait > 0 {
		bounded, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		batch, err = c.Fetch(most, jetstream.FetchContext(bounded))
	} else {
		batch, err = c.FetchNoWait(most)
	}
	if err != nil {
		return nil, err
	}
	var list []jetstream.Msg
	for m := range batch.Messages() {
		list = append(list, m)
	}
	if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) && !errors.Is(err, context.DeadlineExceeded) {
		return list, err
	}
	return list, nil
}
