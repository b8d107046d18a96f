package store

import (
	"strconv"
	"time"

	"github.com/fetchmill/fetchmill/internal/store/driver"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// batch is a row of batches while a transaction changes it. Its rules know nothing of the database.
type batch struct {
	driver.Batch
	dirty bool
}

// count adds a result that ended so.
func (b *batch) count(status events.Status) {
	switch status {
	case events.StatusOK:
		b.OK++
	case events.StatusFailed:
		b.Failed++
	case events.StatusCancelled:
		b.Cancelled++
	}
	b.dirty = true
}

// adopt takes the recipe over if none is known yet.
func (b *batch) adopt(recipe string) {
	if b.Recipe == "" && recipe != "" {
		b.Recipe, b.dirty = recipe, true
	}
}

// record applies a batch record. Records come in any order and more than once: an older, smaller total changes nothing.
func (b *batch) record(r *events.BatchRecord) {
	b.adopt(r.Recipe)
	switch r.Action {
	case events.BatchClose:
		if r.Total <= b.Total {
			return
		}
		b.Total, b.dirty = r.Total, true
		if b.State == events.BatchStateDone { // more was submitted after its end
			b.State, b.Finished = events.BatchStateClosed, time.Time{}
		}
	case events.BatchCancel:
		if !b.IsFinished() && !b.Cancel {
			b.Cancel, b.dirty = true, true
		}
	case events.BatchOpen:
	}
}

// settle moves the batch to the state that its counts demand and tells whether that is an end to announce.
func (b *batch) settle(now time.Time) bool {
	known := b.Total >= 0
	complete := known && b.Ended() >= b.Total
	switch b.State {
	case events.BatchStateOpen, events.BatchStateClosed:
		if known && b.State == events.BatchStateOpen {
			b.State, b.dirty = events.BatchStateClosed, true
		}
		switch {
		case b.Cancel && (complete || !known):
			return b.end(events.BatchStateCancelled, now)
		case complete:
			return b.end(events.BatchStateDone, now)
		}
	case events.BatchStateExpired: // its end has come after all
		if complete {
			return b.end(events.BatchStateDone, now)
		}
	case events.BatchStateDone, events.BatchStateCancelled:
	}
	return false
}

func (b *batch) end(state events.BatchState, now time.Time) bool {
	b.State, b.Finished, b.dirty = state, now, true
	return true
}

// announcement is the id of the message about the batch's end, a different one for every end that it comes to.
func (b *batch) announcement() string {
	id := "batch." + b.Name() + "." + string(b.State)
	if b.Announced > 0 {
		id += "." + strconv.FormatInt(b.Total, 10)
	}
	b.Announced++
	return id
}
