package fetcher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

const maxSleepSeconds = 24 * 60 * 60

// sleepOp waits: for trying out and measuring, as it is I/O that takes exactly so long.
var sleepOp = ops.Op{Name: "sleep", Run: func(ctx context.Context, in ops.Input) (ops.Output, error) {
	var args struct {
		Seconds *float64 `json:"seconds"`
	}
	if err := in.Args(&args); err != nil {
		return ops.Output{}, err
	}
	if args.Seconds == nil {
		return ops.Output{}, ops.Fail(events.ReasonMissingParameter, errors.New("seconds is missing: give a number from 0 to 86400"))
	}
	seconds := *args.Seconds
	if seconds < 0 || seconds > maxSleepSeconds {
		return ops.Output{}, ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("seconds is %g: give a number from 0 to %d", seconds, maxSleepSeconds))
	}
	timer := time.NewTimer(time.Duration(seconds * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ops.Output{Value: ops.JSON(map[string]float64{"slept_s": seconds})}, nil
	case <-ctx.Done():
	}
	err := fmt.Errorf("sleep of %g s: %w", seconds, ctx.Err())
	if errors.Is(err, context.DeadlineExceeded) {
		return ops.Output{}, ops.Fail(events.ReasonTimeout, err) // it would take as long the next time
	}
	return ops.Output{}, err
}}
