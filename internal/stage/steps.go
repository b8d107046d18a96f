package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/fetchmill/fetchmill/internal/budget"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Steps is the handler of the stages that do the steps of items: it runs the operations that an item waits for and turns their
// verdicts into the next message, a retry, or a failed result.
type Steps struct {
	Stage         events.Stage
	Ops           ops.Set
	Cancellations *Cancellations
	Log           *slog.Logger
	Limits        Limits
	// Stored opens bodies that are kept in the object store. Nil refuses them.
	Stored func(context.Context, events.BodyRef) (io.ReadCloser, error)
	memory *budget.Budget // nil for no bound
	trials *trials
	short  func(error) // told of errors of operations, as this machine may be short of something
}

// Limits hold where an item's plan does not set its own.
type Limits struct {
	Timeout    time.Duration // of one step
	Attempts   int           // of one stage with an item
	Deliveries int           // of an item to a stage without a verdict; beyond it workers may be dying on it, and it is tried by itself
	Backoff    Backoff       // between attempts
	Memory     int64         // bytes that all items under way may take together, as far as operations reserve them; 0 for no bound
}

// DefaultLimits are the limits of all stages unless configured.
func DefaultLimits() Limits {
	return Limits{
		Timeout: 30 * time.Second, Attempts: 5, Deliveries: 20,
		Backoff: Backoff{First: time.Second, Most: 2 * time.Minute},
	}
}

// Validate joins all faults of the limits.
func (l Limits) Validate() error {
	var errs []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	fault(l.Timeout <= 0, "timeout: %s is not positive", l.Timeout)
	fault(l.Attempts < 1, "attempts: %d is less than 1", l.Attempts)
	fault(l.Deliveries < 1, "deliveries: %d is less than 1", l.Deliveries)
	fault(l.Memory < 0, "memory: %d bytes are less than none", l.Memory)
	fault(l.Backoff.First <= 0, "first rest between attempts: %s is not positive", l.Backoff.First)
	fault(l.Backoff.Most < l.Backoff.First, "longest rest between attempts: %s is less than the first, %s", l.Backoff.Most, l.Backoff.First)
	return errors.Join(errs...)
}

var errCancelled = errors.New("the batch was cancelled")

// Handle does the steps of one item.
func (s *Steps) Handle(ctx context.Context, m Message) Verdict {
	it, err := decode(m.Data)
	if err != nil {
		return s.unreadable(m, err)
	}
	ctx, release := s.Cancellations.of(ctx, it.Batch)
	defer release()
	ctx, releaseWhole := s.Cancellations.of(ctx, it.Within)
	defer releaseWhole()
	if v, ended := s.endedBefore(ctx, it, m); ended {
		return v
	}
	if rest := m.early(time.Now(), s.Limits.Backoff.Most); rest > 0 {
		return Later(rest)
	}
	if m.Delivery > s.Limits.Deliveries {
		switch trial := s.trials.begin(ctx, it.ID); {
		case trial.rest > 0:
			return Later(trial.rest)
		case trial.guilty:
			err := fmt.Errorf("the item was delivered %d times and no worker lived to decide about it, the last %d times on its own", m.Delivery-1, maxTrials)
			return s.end(it, m, events.StatusFailed, events.ReasonWorkerLost, err)
		default:
			defer trial.end()
		}
	}
	if !it.Deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, it.Deadline)
		defer cancel()
	}
	attempt := m.tries() + 1
	attempts, err := s.run(ctx, it, m, attempt)
	if err == nil || !ops.AsFailure(err).Deferred {
		it.Attempts = max(it.Attempts, attempt)
	}
	if err != nil {
		return s.failed(ctx, it, m, attempts, err)
	}
	return s.next(it, m)
}

// decode reads an item, and refuses one that could not be handed on: it would be tried for ever.
func decode(data []byte) (*events.Item, error) {
	it, err := events.DecodeItem(data)
	if err != nil {
		return nil, err
	}
	if err := events.ValidName(it.Recipe); err != nil {
		return nil, fmt.Errorf("%w: item: recipe: %w", events.ErrRecord, err)
	}
	return it, nil
}

// endedBefore ends items that should not be started.
func (s *Steps) endedBefore(ctx context.Context, it *events.Item, m Message) (Verdict, bool) {
	switch {
	case errors.Is(context.Cause(ctx), errCancelled):
		return s.end(it, m, events.StatusCancelled, events.ReasonCancelled, errCancelled), true
	case !it.Deadline.IsZero() && time.Now().After(it.Deadline):
		err := fmt.Errorf("the deadline %s passed before the item was started", it.Deadline.Format(time.RFC3339))
		return s.end(it, m, events.StatusFailed, events.ReasonDeadline, err), true
	}
	return Verdict{}, false
}

// steps are those that the item waits for at this stage.
func (s *Steps) steps(it *events.Item) []events.Step {
	switch {
	case s.Stage != events.StageFetch:
		return it.Plan.Crunch
	case it.Plan.Fetch != nil:
		return []events.Step{*it.Plan.Fetch}
	default:
		return nil
	}
}

// runWithin runs the steps that the item waits for at this stage, and takes them off its plan, with so much memory as was acquired for them
// and what they reserve beside. It returns how many attempts the step that failed may have.
func (s *Steps) runWithin(ctx context.Context, memory *memory, it *events.Item, m Message, attempt int) (attempts int, err error) {
	if s.Stage == events.StageFetch && it.Plan.Fetch == nil {
		return 1, ops.Fail(events.ReasonUnknownOp, errors.New("the item has nothing to fetch"))
	}
	var source *ops.Source
	for _, step := range s.steps(it) {
		attempts = s.Limits.Attempts
		if step.Attempts > 0 {
			attempts = step.Attempts
		}
		op, ok := s.Ops[step.Op]
		if !ok {
			return 1, ops.Fail(events.ReasonUnknownOp, fmt.Errorf("stage %s has no operation %q; it has %v", s.Stage, step.Op, s.Ops.Names()))
		}
		in := ops.Input{
			With: step.With, Value: it.Value, Body: it.Body, BodyRef: it.BodyRef, Source: source, Attempt: attempt,
			Fetch: it.Fetch, ID: it.ID, Batch: it.Batch, Index: it.Index, Stored: s.Stored, Parking: m.Park, Reserving: memory.reserve,
		}
		out, err := s.call(ctx, op, step, in)
		if out.Value != nil {
			it.Value = out.Value
		}
		if out.Fetch != nil {
			it.Fetch = out.Fetch
		}
		if err != nil {
			s.short(err)
			return attempts, err
		}
		it.Body, it.BodyRef, source = out.Body, out.BodyRef, out.Source
		memory.keep(int64(cap(out.Body)))
	}
	if s.Stage == events.StageFetch {
		if source != nil {
			return 1, ops.Fail(events.ReasonInternal, errors.New("a source was handed on that does not travel to another worker"))
		}
		it.Plan.Fetch = nil
	} else {
		it.Plan.Crunch = nil
	}
	return 0, nil
}

// call runs one operation within its time, and makes a panic or a late end a failure of the item.
func (s *Steps) call(ctx context.Context, op ops.Op, step events.Step, in ops.Input) (out ops.Output, err error) {
	timeout := s.Limits.Timeout
	if step.TimeoutMS > 0 {
		timeout = time.Duration(step.TimeoutMS) * time.Millisecond
	}
	opCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			s.Log.Error("operation panicked", "op", op.Name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = ops.Fail(events.ReasonPanic, fmt.Errorf("operation %s panicked: %v", op.Name, p))
		}
	}()
	out, err = op.Run(opCtx, in)
	if _, classified := errors.AsType[*ops.Failure](err); err != nil && !classified && ctx.Err() == nil && opCtx.Err() != nil {
		err = ops.Retry(events.ReasonTimeout, fmt.Errorf("operation %s did not end within %s", op.Name, timeout))
	}
	return out, err
}

// failed decides how an item goes on whose step did not succeed.
func (s *Steps) failed(ctx context.Context, it *events.Item, m Message, attempts int, err error) Verdict {
	if ctx.Err() != nil {
		switch {
		case errors.Is(context.Cause(ctx), errCancelled):
			return s.end(it, m, events.StatusCancelled, events.ReasonCancelled, errCancelled)
		case !it.Deadline.IsZero() && time.Now().After(it.Deadline):
			return s.end(it, m, events.StatusFailed, events.ReasonDeadline, fmt.Errorf("the deadline passed: %w", err))
		default: // the worker is asked to stop
			return Again(0)
		}
	}
	f := ops.AsFailure(err)
	rest := f.After
	if !f.Deferred {
		rest = max(rest, s.Limits.Backoff.Delay(m.tries()))
	}
	if !it.Deadline.IsZero() {
		rest = min(rest, time.Until(it.Deadline)) // it fails when its deadline passes, not when its rest is over
	}
	switch {
	case f.Deferred:
		return s.postpone(it, m, rest)
	case f.Temporary && m.tries()+1 < attempts:
		return s.retry(it, m, f.Reason, rest)
	}
	return s.end(it, m, events.StatusFailed, f.Reason, err)
}

// next hands the item on to where its plan says.
func (s *Steps) next(it *events.Item, m Message) Verdict {
	out, err := Forward(it, s.Stage, time.Now())
	if errors.Is(err, errOpName) {
		return s.end(it, m, events.StatusFailed, events.ReasonUnknownOp, err)
	}
	if err != nil {
		return s.end(it, m, events.StatusFailed, events.ReasonInternal, err)
	}
	v := Done(OutcomeDone, Carry(m, out))
	v.Smaller = func() Verdict {
		err := fmt.Errorf("what the step made has %d bytes, more than a message may have", len(out.Data))
		return s.end(it, m, events.StatusFailed, events.ReasonTooLarge, err)
	}
	return v
}

// end makes the item's failed or cancelled result, and a dead letter unless the plan wants none.
func (s *Steps) end(it *events.Item, m Message, status events.Status, reason events.Reason, err error) Verdict {
	return End(Ending{
		Stage: s.Stage, Item: it, Message: m, Status: status, Reason: reason, Err: err,
		DeadLetter: status == events.StatusFailed && !it.Plan.Quiet,
	})
}

// unreadable keeps a message that no service has sent.
func (s *Steps) unreadable(m Message, err error) Verdict {
	return Rejected(m, DeadLetter{
		Stage: s.Stage, Reason: events.ReasonUndecodable, Err: err,
		MsgID: fmt.Sprintf("%s.%d.%d.dead", s.Stage, m.Seq, m.Stored.UnixNano()),
	})
}
