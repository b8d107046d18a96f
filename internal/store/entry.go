package store

import (
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Entry is what is committed: either a result or a batch record.
type Entry struct {
	Result *events.Result
	Record *events.BatchRecord
}

// Validate finds what would make the entry fail however often it is committed. Its errors wrap ErrEntry.
func (e Entry) Validate() error {
	switch {
	case (e.Result == nil) == (e.Record == nil):
		return fmt.Errorf("%w: it must have either a result or a batch record", ErrEntry)
	case e.Record != nil:
		if err := events.ValidBatch(e.Record.Batch); err != nil {
			return fmt.Errorf("%w: %w", ErrEntry, err)
		}
	case e.Result.ID == "" || e.Result.Recipe == "":
		return fmt.Errorf("%w: result without id or recipe", ErrEntry)
	case e.Result.Batch != "":
		if err := events.ValidBatch(e.Result.Batch); err != nil {
			return fmt.Errorf("%w: %w", ErrEntry, err)
		}
	}
	return nil
}

// Outcome is what came of an entry.
type Outcome struct {
	// New tells that the result was not known before. It is false for batch records.
	New bool
	// Result is what is stored under the result's id, which for a duplicate need not be what was committed now.
	// It is nil for batch records, and must not be changed.
	Result *events.Result
}

// asStored returns a result as reading it back will give it.
func asStored(r *events.Result) *events.Result {
	s := *r
	s.Submitted, s.Finished = fromNanos(nanos(r.Submitted)), fromNanos(nanos(r.Finished))
	return &s
}

// Times outside of these years do not fit into nanoseconds of 64 bits.
var (
	earliest = time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

// nanos encodes a time; no time is 0, and what does not fit becomes the nearest that does.
func nanos(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.Before(earliest):
		t = earliest
	case t.After(latest):
		t = latest
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
