package programs

import (
	"context"
	"errors"
	"fmt"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// errStray means that a process has printed something, or has ended, while nobody had asked it: it is no longer to be used, and the item
// has not been given to it.
var errStray = errors.New("nothing was asked")

// call gives the process an item and waits for the answer. After an error the process is of no use any more, and is to be killed. The error
// is a verdict, errStray, or the context's own.
func (p *process) call(ctx context.Context, c Call) (answer, error) {
	select {
	case l, ok := <-p.lines:
		if !ok {
			return answer{}, fmt.Errorf("%w: it %s", errStray, p.obituary())
		}
		return answer{}, fmt.Errorf("%w: it printed %s", errStray, quote(l.text))
	default:
	}
	p.asked++
	id := p.asked
	writing := make(chan error, 1)
	go func() { writing <- c.write(p.stdin, id, p.program.maxInput) }()
	wrote := false
	defer func() {
		if !wrote {
			p.kill()  // which ends the write
			<-writing //nolint:errcheck // the verdict is known without it
		}
	}()
	var got *answer
	for {
		var lines <-chan line
		if got == nil {
			lines = p.lines
		}
		select {
		case <-ctx.Done():
			return answer{}, p.interrupted(ctx)
		case l, open := <-lines:
			if !open {
				return answer{}, p.died()
			}
			a, err := p.judge(l, id)
			if err != nil {
				return answer{}, err
			}
			got = &a
		case err := <-writing:
			wrote = true
			if err != nil && got == nil {
				return answer{}, p.unread(ctx, err, id)
			}
		}
		if got != nil && wrote {
			return *got, nil
		}
	}
}

// interrupted is the error of an item whose time is over, or whose worker stops. Nobody computes longer than allowed by being asked again.
func (p *process) interrupted(ctx context.Context) error {
	err := fmt.Errorf("program %s: %w", p.program.name, context.Cause(ctx))
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ops.Fail(events.ReasonTimeout, err)
	}
	return err
}

// judge reads the answer out of a line.
func (p *process) judge(l line, id uint64) (answer, error) {
	switch {
	case errors.Is(l.err, errTooLong):
		return answer{}, ops.Fail(events.ReasonTooLarge, fmt.Errorf("program %s printed more than %d bytes without the end of a line (max_output): %s", p.program.name, p.program.maxOutput, quote(l.text)))
	case l.err != nil && within(p.exited, trailing):
		return answer{}, p.died()
	case l.err != nil:
		return answer{}, p.garbage(l.text, l.err)
	}
	a, err := decodeAnswer(l.text, id)
	switch {
	case err == nil:
		return a, nil
	case a.ID != nil && *a.ID < id: // to an item before this one, which cannot be blamed for it
		f := ops.AsFailure(p.garbage(l.text, err))
		f.Temporary = true
		return answer{}, f
	default:
		return answer{}, p.garbage(l.text, err)
	}
}

func (p *process) garbage(text []byte, err error) error {
	return ops.Fail(events.ReasonComputation, fmt.Errorf("program %s printed garbage: %s: %w; only answers belong on its standard output", p.program.name, quote(text), err))
}

// died is the verdict on an item whose process has ended. The item may be to blame, or it may not.
func (p *process) died() error {
	return ops.Retry(events.ReasonPanic, fmt.Errorf("program %s did not answer: it %s", p.program.name, p.obituary()))
}

// unread is the verdict on an item that could not be written.
func (p *process) unread(ctx context.Context, err error, id uint64) error {
	if u, ok := errors.AsType[*unsendable](err); ok {
		switch _, classified := errors.AsType[*ops.Failure](u); {
		case ctx.Err() != nil:
			return p.interrupted(ctx)
		case classified:
			return u.Unwrap()
		case errors.Is(u, errTooMuchBody):
			return ops.Fail(events.ReasonTooLarge, fmt.Errorf("program %s: %w", p.program.name, tooMuch(p.program.maxInput)))
		}
		return ops.Retry(events.ReasonStorage, fmt.Errorf("program %s: %w", p.program.name, u))
	}
	select { // it may have said something before it went
	case l, open := <-p.lines:
		if open {
			if _, err := p.judge(l, id); err != nil {
				return err
			}
		}
	default:
	}
	if !within(p.exited, trailing) {
		return ops.Retry(events.ReasonPanic, fmt.Errorf("program %s has closed its standard input and runs on: it must read items until the end of the input", p.program.name))
	}
	return p.died()
}

func tooMuch(most int64) error {
	return fmt.Errorf("%w, %d bytes; the operator sets this in the list of programs", errTooMuchBody, most)
}
