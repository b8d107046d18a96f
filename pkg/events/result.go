package events

import (
	"encoding/json"
	"fmt"
	"time"
)

// Status is how an item ended.
type Status string

// The three ends of an item. All of them count towards the completion of its batch.
const (
	StatusOK        Status = "ok"
	StatusFailed    Status = "failed"
	StatusCancelled Status = "cancelled"
)

// ParseStatus reads a status by its name.
func ParseStatus(s string) (Status, error) {
	switch st := Status(s); st {
	case StatusOK, StatusFailed, StatusCancelled:
		return st, nil
	default:
		return "", fmt.Errorf("unknown status %q: use ok, failed or cancelled", s)
	}
}

// Result is the one end of an item, and a row in the sink's database.
type Result struct {
	ID        string          `json:"id"`
	Recipe    string          `json:"recipe"`
	Batch     string          `json:"batch,omitempty"`
	Index     int64           `json:"index"`
	Key       string          `json:"key"`
	Status    Status          `json:"status"`
	Reason    Reason          `json:"reason,omitempty"` // only when not ok
	Error     string          `json:"error,omitempty"`  // for people; only when not ok
	Attempts  int             `json:"attempts"`         // the most attempts that a stage needed, 0 if none began
	Value     json.RawMessage `json:"value,omitempty"`
	Fetch     *FetchFacts     `json:"fetch,omitempty"`
	Submitted time.Time       `json:"submitted"`
	Finished  time.Time       `json:"finished"`
}

// Result makes the item's result from what its steps have made. The caller sets the status, and reason and error if not ok.
func (it *Item) Result(status Status, at time.Time) *Result {
	return &Result{
		ID: it.ID, Recipe: it.Recipe, Batch: it.Batch, Index: it.Index, Key: it.Key,
		Status: status, Attempts: it.Attempts, Value: it.Value, Fetch: it.Fetch,
		Submitted: it.Submitted, Finished: at.UTC(),
	}
}

// DecodeResult reads a result from the data of a message between services. The result keeps parts of data, which must not be
// changed afterwards. Its errors wrap ErrRecord.
func DecodeResult(data []byte) (*Result, error) {
	if !json.Valid(data) {
		return nil, fmt.Errorf("%w: result: not JSON", ErrRecord)
	}
	var r Result
	if err := fields(data, r.set); err != nil {
		return nil, fmt.Errorf("%w: result: %w", ErrRecord, err)
	}
	if r.ID == "" || r.Recipe == "" {
		return nil, fmt.Errorf("%w: result without id or recipe", ErrRecord)
	}
	if _, err := ParseStatus(string(r.Status)); err != nil {
		return nil, fmt.Errorf("%w: result: %w", ErrRecord, err)
	}
	return &r, nil
}
