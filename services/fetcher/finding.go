package fetcher

import (
	"errors"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// finding tells whether an error says something about the host that was looked at, and what. A look that was called off or put off, or
// that the guard refused, has found out nothing.
func finding(err error) (events.Reason, bool) {
	failure, ok := errors.AsType[*ops.Failure](err)
	if !ok || failure.Deferred || failure.Reason == events.ReasonForbiddenTarget {
		return "", false
	}
	return failure.Reason, true
}

// since is the time that has passed, in milliseconds with three digits.
func since(start time.Time) float64 { return float64(time.Since(start).Microseconds()) / 1000 }
