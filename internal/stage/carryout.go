package stage

import (
	"context"
	"errors"
	"time"

	"github.com/fetchmill/fetchmill/internal/natsjs"
)

const (
	// minRest keeps a message that is handed back from coming again at once, over and over.
	minRest = 10 * time.Millisecond
	// heldLogInterval is how often at most a log tells that publishing is held up.
	heldLogInterval = 10 * time.Second
)

var publishBackoff = Backoff{First: 50 * time.Millisecond, Most: 2 * time.Second}

// carryOut makes broker actions of verdicts: it publishes what they say, all together, and acknowledges or hands back the messages
// whose publishes are confirmed. Those whose are not it takes one by one, until they are.
func (r *Runner) carryOut(ctx context.Context, list []judged) {
	var out []Outgoing
	for _, j := range list {
		if !j.verdict.again {
			out = append(out, j.verdict.Publish...)
		}
	}
	receipts := r.publisher.Send(ctx, wire(out)...)
	var held []judged
	for _, j := range list {
		if j.verdict.again {
			r.conclude(j)
			continue
		}
		n := len(j.verdict.Publish)
		switch {
		case !failed(receipts[:n]):
			r.conclude(j)
		case j.verdict.back:
			j.verdict.again = true
			r.conclude(j)
		default:
			held = append(held, j)
		}
		receipts = receipts[n:]
	}
	for _, j := range held {
		j.verdict = r.insist(ctx, j.verdict)
		r.conclude(j)
	}
}

func failed(receipts []natsjs.Receipt) bool {
	for _, r := range receipts {
		if r.Err != nil {
			return true
		}
	}
	return false
}

// conclude tells the broker what became of a message. It is counted before, so that what the broker no longer has is in the numbers.
func (r *Runner) conclude(j judged) {
	r.metrics.inFlight.Dec()
	switch j.verdict.Outcome {
	case OutcomeRetry, OutcomeWaiting:
		r.again.Add(1)
	default:
		r.ended.Add(1)
	}
	r.metrics.observe(j.verdict.Outcome, j.verdict.reason, time.Since(j.started))
	if j.verdict.again {
		j.delivery.Nak(max(j.verdict.after, minRest))
	} else {
		j.delivery.Ack()
	}
}

// insist publishes what a verdict says until it is confirmed, and returns the verdict that holds in the end.
func (r *Runner) insist(ctx context.Context, v Verdict) Verdict {
	err := r.publish(ctx, v.Publish)
	switch {
	case err == nil:
		return v
	case errors.Is(err, ErrTooLarge) && v.Smaller != nil:
		return r.insist(ctx, v.Smaller())
	case errors.Is(err, ErrTooLarge):
		r.env.Log.Error("a message is too large for its stream and stays in its queue; allow larger messages on the broker",
			"stage", string(r.cfg.Stage), "error", err)
		return Again(time.Minute)
	default: // ctx has ended
		return Again(0)
	}
}

// publish publishes until the broker has confirmed everything. While a stream is full or the broker is away it waits, and as what
// is unconfirmed is limited, less is pulled, and the pressure passes upstream. It gives up when ctx ends or the broker says
// that a message is too large.
func (r *Runner) publish(ctx context.Context, out []Outgoing) error {
	for try := 0; ; try++ {
		_, err := Send(ctx, r.publisher, out)
		if err == nil || errors.Is(err, ErrTooLarge) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.heldLog.Do(func() {
			r.env.Log.Warn("publishing is held up; trying until it succeeds", "stage", string(r.cfg.Stage), "error", err)
		})
		r.metrics.held.Inc()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(publishBackoff.Delay(try)):
		}
	}
}
