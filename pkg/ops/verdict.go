package ops

import (
	"errors"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Failure is an error that says how the item goes on. Make it with Retry, RetryAfter, Defer or Fail.
type Failure struct {
	Reason events.Reason
	Err    error
	// Temporary failures are tried again until the step's attempts are spent.
	Temporary bool
	// Deferred means that the operation could not even begin, so that no attempt is spent. There is no Reason then.
	Deferred bool
	// After is how long to wait at least before the next attempt; 0 leaves it to the backoff.
	After time.Duration
}

func (f *Failure) Error() string {
	if f.Err == nil {
		return string(f.Reason)
	}
	return f.Err.Error()
}

// Unwrap returns what went wrong.
func (f *Failure) Unwrap() error { return f.Err }

// Retry says that another attempt may succeed.
func Retry(reason events.Reason, err error) error {
	return &Failure{Reason: reason, Err: err, Temporary: true}
}

// RetryAfter says that another attempt may succeed, but not before d has passed.
func RetryAfter(reason events.Reason, d time.Duration, err error) error {
	return &Failure{Reason: reason, Err: err, Temporary: true, After: d}
}

// Defer says that the operation could not begin now, because it is not its host's turn for example: the item comes again after d, and
// no attempt is spent.
func Defer(d time.Duration, err error) error {
	return &Failure{Err: err, Temporary: true, Deferred: true, After: d}
}

// Fail says that no attempt will succeed.
func Fail(reason events.Reason, err error) error {
	return &Failure{Reason: reason, Err: err}
}

// AsFailure returns the verdict in err, with the text of the whole of err. An error without a verdict is a permanent failure
// of the computation.
func AsFailure(err error) *Failure {
	f, ok := errors.AsType[*Failure](err)
	switch {
	case !ok:
		return &Failure{Reason: events.ReasonComputation, Err: err}
	case f.Error() == err.Error():
		return f
	default: // what was wrapped around the verdict says what was being done
		return &Failure{Reason: f.Reason, Err: err, Temporary: f.Temporary, Deferred: f.Deferred, After: f.After}
	}
}
