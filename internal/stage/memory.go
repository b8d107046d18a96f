package stage

import (
	"context"
	"errors"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/budget"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// run runs the steps that the item waits for. When they reserve more memory than is free, all that they have is given back, and they are
// begun anew when there is as much as they want: an item that waits holds nothing, so that no two can wait for each other.
func (s *Steps) run(ctx context.Context, it *events.Item, m Message, attempt int) (attempts int, err error) {
	before := *it
	for needed := int64(0); ; {
		share, err := s.memory.Acquire(ctx, needed)
		if err != nil { // ctx has ended
			return 1, err
		}
		attempts, err = s.runWithin(ctx, &memory{share: share, floor: needed}, it, m, attempt)
		share.Release()
		short, ok := errors.AsType[*budget.Shortage](err)
		if !ok {
			return attempts, err
		}
		*it, needed = before, short.Wanted
	}
}

// memory is what an item has of the worker's memory while its steps run.
type memory struct {
	share *budget.Share
	floor int64 // what was acquired before the first step
	body  int64 // what the step before has handed over
}

// reserve is ops.Input.Reserve.
func (m *memory) reserve(bytes int64) error {
	err := m.share.Resize(max(m.floor, m.body+bytes))
	if _, never := errors.AsType[*budget.TooLarge](err); never {
		return ops.Fail(events.ReasonTooLarge, fmt.Errorf("%w: give the item less to do, or raise --crunch-memory", err))
	}
	return err
}

// keep says that a step has ended, and what it hands to the next one.
func (m *memory) keep(bytes int64) {
	m.body = bytes
	_ = m.share.Resize(max(m.floor, bytes)) // it is part of what the step has reserved, or so little that it was not worth reserving
}
