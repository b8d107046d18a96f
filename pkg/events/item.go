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
	BodyRef   *BodyRef        `json:"body_ref,omitempty"` // instead of Body, when it is too large to travel along
	Fetch     *FetchFacts     `json:"fetch,omitempty"`    // facts of the I/O
	Attempts  int             `json:"attempts,omitempty"` // the most attempts that a stage has needed so far
	Submitted time.Time       `json:"submitted"`          //
	Deadline  time.Time       `json:"deadline,omitzero"`  // after it the item fails instead of being started
	Reduce    json.RawMessage `json:"reduce,omitempty"`   // what its batch's results are reduced to, a JSON array; goes into the result
	Within    string          `json:"within,omitempty"`   // of a part of an item: that item's batch, with which it is cancelled, too
	Time      time.Time       `json:"time,omitzero"`      // when it happened, if the submitter has said so; goes into the result
	Window    json.RawMessage `json:"window,omitempty"`   // the windows of time that its result is taken into, a JSON object; goes into the result
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
	// Charset is what a text was decoded from; absent if it was UTF-8 already, or is no text.
	Charset string `json:"charset,omitempty"`
	// NotModified means that the server has confirmed what was fetched before (RFC 9110 section 15.4.5).
	NotModified bool      `json:"not_modified,omitempty"`
	TLS         *TLSFacts `json:"tls,omitempty"`
	// Body tells where a body is kept that was too large to travel along.
	Body *BodyRef `json:"body,omitempty"`
}

// TLSFacts tells how a connection was secured.
type TLSFacts struct {
	Version string    `json:"version"` // "TLS 1.3"
	Cipher  string    `json:"cipher"`
	Expires time.Time `json:"expires,omitzero"` // when the first certificate of the chain does
}

// BodyRef is a claim check: it stands for bytes in the object store of bodies, which keeps them for some time.
type BodyRef struct {
	Object string `json:"object"` // its name in the store, made of the content, so that the same bytes are kept once
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // in hexadecimal
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
