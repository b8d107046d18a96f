package events

import (
	"encoding/json"
	"fmt"
	"time"
)

// BatchAction is what a BatchRecord tells the sink.
type BatchAction string

// A batch is opened when its first items are sent, closed when its number of items is known, and may be cancelled between.
const (
	BatchOpen   BatchAction = "open"
	BatchClose  BatchAction = "close"
	BatchCancel BatchAction = "cancel"
)

// BatchRecord travels to the sink beside the results. Records may arrive in any order and more than once.
type BatchRecord struct {
	Batch  string      `json:"batch"`
	Recipe string      `json:"recipe,omitempty"`
	Action BatchAction `json:"action"`
	Total  int64       `json:"total,omitempty"` // with BatchClose: how many distinct items the batch has
	At     time.Time   `json:"at"`
}

// BatchState is how far a batch is.
type BatchState string

// A batch is open until its total is known, closed until all of it has ended, then done; or cancelled. It is expired when nothing
// has come for the sink's batch idle time although its end was not reached.
const (
	BatchStateOpen      BatchState = "open"
	BatchStateClosed    BatchState = "closed"
	BatchStateDone      BatchState = "done"
	BatchStateCancelled BatchState = "cancelled"
	BatchStateExpired   BatchState = "expired"
)

// Batch is a batch as the sink knows it, and the data of event.batch.done.
type Batch struct {
	Batch     string     `json:"batch"`
	Recipe    string     `json:"recipe,omitempty"`
	State     BatchState `json:"state"`
	Total     int64      `json:"total"` // -1 while not known
	OK        int64      `json:"ok"`
	Failed    int64      `json:"failed"`
	Cancelled int64      `json:"cancelled"`
	Created   time.Time  `json:"created"`
	Updated   time.Time  `json:"updated"`
	Finished  time.Time  `json:"finished,omitzero"`
	// Reduced has the answers of the batch's reductions, in event.batch.done and where it is asked for.
	Reduced []Reduced `json:"reduced,omitempty"`
}

// Ended counts the items that have a result.
func (b Batch) Ended() int64 { return b.OK + b.Failed + b.Cancelled }

// IsFinished tells whether nothing more is expected of the batch.
func (b Batch) IsFinished() bool {
	return b.State == BatchStateDone || b.State == BatchStateCancelled || b.State == BatchStateExpired
}

// DecodeBatchRecord reads a batch record from the data of a message between services. Its errors wrap ErrRecord.
func DecodeBatchRecord(data []byte) (*BatchRecord, error) {
	var b BatchRecord
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, fmt.Errorf("%w: batch: %w", ErrRecord, err)
	}
	if err := ValidBatch(b.Batch); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	switch b.Action {
	case BatchOpen, BatchCancel:
	case BatchClose:
		if b.Total < 0 {
			return nil, fmt.Errorf("%w: batch %s closed with a negative total", ErrRecord, b.Batch)
		}
	default:
		return nil, fmt.Errorf("%w: batch %s has unknown action %q", ErrRecord, b.Batch, b.Action)
	}
	return &b, nil
}
