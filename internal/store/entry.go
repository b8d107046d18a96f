package store

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fetchmill/fetchmill/internal/store/driver"
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
	case !utf8.ValidString(e.Result.ID) || !utf8.ValidString(e.Result.Recipe):
		return fmt.Errorf("%w: result whose id or recipe is not UTF-8", ErrEntry)
	case e.Result.Batch != "":
		if err := events.ValidBatch(e.Result.Batch); err != nil {
			return fmt.Errorf("%w: %w", ErrEntry, err)
		}
	}
	return nil
}

// batch is the name of the batch that the entry is about, if any.
func (e Entry) batch() string {
	if e.Record != nil {
		return e.Record.Batch
	}
	return e.Result.Batch
}

// Outcome is what came of an entry.
type Outcome struct {
	// New tells that the result was not known before. It is false for batch records.
	New bool
	// Result is what is stored under the result's id, which for a duplicate need not be what was committed now.
	// It is nil for batch records, and must not be changed.
	Result *events.Result
}

// asStored returns a result as reading it back will give it. What is not UTF-8 is replaced as any reader of JSON would.
func asStored(r *events.Result) *events.Result {
	s := *r
	s.Reduce, s.Window, s.Time = nil, nil, time.Time{} // they are what batches and windows are asked, and not part of the answer
	s.Key, s.Error, s.Reason = validText(r.Key), validText(r.Error), events.Reason(validText(string(r.Reason)))
	if !utf8.Valid(r.Value) {
		s.Value = bytes.ToValidUTF8(r.Value, []byte("\uFFFD"))
	}
	s.Submitted, s.Finished = driver.Time(driver.Nanos(r.Submitted)), driver.Time(driver.Nanos(r.Finished))
	return &s
}

func validText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
