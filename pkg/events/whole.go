package events

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Whole is an item that ingest has split into parts, which are the items of a batch that is called like its id. It waits in the bucket
// "control" until that batch has ended, and then ends as a result itself: with what the parts come down to.
type Whole struct {
	ID        string    `json:"id"`
	Recipe    string    `json:"recipe"`
	Batch     string    `json:"batch,omitempty"`
	Index     int64     `json:"index,omitempty"`
	Key       string    `json:"key,omitempty"`
	Parts     int64     `json:"parts"`
	Submitted time.Time `json:"submitted"`
	// Reply is where somebody waits for the result; empty if nobody does.
	Reply       string `json:"reply,omitempty"`
	TraceParent string `json:"traceparent,omitempty"`
	TraceState  string `json:"tracestate,omitempty"`
	// Reduce is what the results of its batch are reduced to, a JSON array.
	Reduce json.RawMessage `json:"reduce,omitempty"`
}

// DecodeWhole reads an item that was split. Its errors wrap ErrRecord.
func DecodeWhole(data []byte) (*Whole, error) {
	var w Whole
	if err := json.Unmarshal(data, &w); err != nil {
		return nil, fmt.Errorf("%w: item that was split: %w", ErrRecord, err)
	}
	if w.ID == "" || w.Recipe == "" {
		return nil, fmt.Errorf("%w: item that was split without id or recipe", ErrRecord)
	}
	return &w, nil
}

// PartID derives the id of a part, from 0, of an item that is split: the same whenever the item is split again.
func PartID(whole string, part int64) string {
	return IDFromKey("part\n" + whole + "\n" + strconv.FormatInt(part, 10))
}

// Result makes the item's result. The caller sets the value and the time, and reason and error if it is not ok.
func (w *Whole) Result(status Status) *Result {
	return &Result{
		ID: w.ID, Recipe: w.Recipe, Batch: w.Batch, Index: w.Index, Key: w.Key, Status: status, Attempts: 1, Submitted: w.Submitted, Reduce: w.Reduce,
	}
}
