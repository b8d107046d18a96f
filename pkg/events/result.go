package events

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
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
	// Reduce is what the results of the batch are reduced to, as it was declared for the item: a JSON array. It is for the sink, which
	// does not store it with the result.
	Reduce json.RawMessage `json:"reduce,omitempty"`
	// Time is when the item happened, if its submitter has said so; windows of time go by it. It is not stored, either.
	Time time.Time `json:"time,omitzero"`
	// Window says which windows of time the result is taken into, as its recipe has it: a JSON object. It is for the sink, like Reduce.
	Window json.RawMessage `json:"window,omitempty"`
}

// Host is the name or address of the host that the result is about, without its port and in lower case: of the key, if that is a URL, else
// of what was fetched. It is "" if neither tells.
func (r *Result) Host() string {
	if host := hostOf(r.Key); host != "" || r.Fetch == nil {
		return host
	}
	return hostOf(r.Fetch.URL)
}

func hostOf(address string) string {
	if !strings.Contains(address, "://") {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// Result makes the item's result from what its steps have made. The caller sets the status, and reason and error if not ok.
func (it *Item) Result(status Status, at time.Time) *Result {
	return &Result{
		ID: it.ID, Recipe: it.Recipe, Batch: it.Batch, Index: it.Index, Key: it.Key,
		Status: status, Attempts: it.Attempts, Value: it.Value, Fetch: it.Fetch,
		Submitted: it.Submitted, Finished: at.UTC(), Reduce: it.Reduce, Time: it.Time, Window: it.Window,
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
