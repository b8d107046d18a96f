package events

import (
	"encoding/json"
	"fmt"
	"time"
)

// Item is one unit of work on its way through the stages. It carries its own plan, like an order ticket, so that the
// stages keep no state and a changed recipe never changes items in flight.
type Item struct {
	ID        string          `json:"id"`
	Recipe    string          `json:"recipe"`
	Batch     string          `json:"batch,omitempty"`
	Index     int64           `json:"index,omitempty"`    // position in the batch, from 0
	Key       string          `json:"key,omitempty"`      // the primary parameter, for people and searches
	Lane      Lane            `json:"lane"`               //
	Params    json.RawMessage `json:"params,omitempty"`   // the validated parameters, a JSON object
	Plan      Plan            `json:"plan"`               //
	Value     json.RawMessage `json:"value,omitempty"`    // what the steps have made so far
	Body      []byte          `json:"body,omitempty"`     // bytes that a step hands to the next one; never stored
	Fetch     *FetchFacts     `json:"fetch,omitempty"`    // facts of the I/O
	Attempts  int             `json:"attempts,omitempty"` // the most attempts that a stage has needed so far
	Submitted time.Time       `json:"submitted"`          //
	Deadline  time.Time       `json:"deadline,omitzero"`  // after it the item fails instead of being started
}

// Plan is what remains to be done with an item: at most one fetch, then any number of crunches that run in one worker.
type Plan struct {
	Fetch  *Step  `json:"fetch,omitempty"`
	Crunch []Step `json:"crunch,omitempty"`
	// Quiet keeps failures out of the dead letters: for recipes whose failures are findings, such as a site that is down.
	Quiet bool `json:"quiet,omitempty"`
}

// Step is one operation with its arguments and limits.
type Step struct {
	Op        string          `json:"op"`
	With      json.RawMessage `json:"with,omitempty"`       // the operation's arguments, a JSON object
	TimeoutMS int64           `json:"timeout_ms,omitempty"` // for one attempt; 0 means the worker's default
	Attempts  int             `json:"attempts,omitempty"`   // at most so many; 0 means the worker's default
}

// Next returns the stage and the operation that the item waits for; StageSink when nothing remains.
func (p Plan) Next() (Stage, string) {
	switch {
	case p.Fetch != nil:
		return StageFetch, p.Fetch.Op
	case len(p.Crunch) > 0:
		return StageCrunch, p.Crunch[0].Op
	default:
		return StageSink, ""
	}
}

// FetchFacts tells how the I/O of an item went.
type FetchFacts struct {
	Status      int     `json:"status,omitempty"` // HTTP status code
	Bytes       int64   `json:"bytes"`            // body bytes after decoding
	ContentType string  `json:"content_type,omitempty"`
	ElapsedMS   float64 `json:"elapsed_ms"`
	URL         string  `json:"url,omitempty"`   // where redirects ended, when that is elsewhere
	Proto       string  `json:"proto,omitempty"` // "HTTP/1.1", "HTTP/2.0"
	Phases      *Phases `json:"phases,omitempty"`
}

// Phases splits the time of a fetch, in milliseconds. A reused connection has no DNS, connect and TLS phases.
type Phases struct {
	DNS       float64 `json:"dns_ms"`
	Connect   float64 `json:"connect_ms"`
	TLS       float64 `json:"tls_ms"`
	FirstByte float64 `json:"first_byte_ms"`
	Transfer  float64 `json:"transfer_ms"`
}

// DecodeItem reads an item from the data of a message between services. The item keeps parts of data, which must not be
// changed afterwards. Its errors wrap ErrRecord.
func DecodeItem(data []byte) (*Item, error) {
	if !json.Valid(data) {
		return nil, fmt.Errorf("%w: item: not JSON", ErrRecord)
	}
	var it Item
	if err := fields(data, it.set); err != nil {
		return nil, fmt.Errorf("%w: item: %w", ErrRecord, err)
	}
	if it.ID == "" || it.Recipe == "" {
		return nil, fmt.Errorf("%w: item without id or recipe", ErrRecord)
	}
	lane, err := ParseLane(string(it.Lane))
	if err != nil {
		return nil, fmt.Errorf("%w: item: %w", ErrRecord, err)
	}
	it.Lane = lane
	return &it, nil
}
