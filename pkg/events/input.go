package events

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Input is what a user sent, read but not yet checked against a recipe.
type Input struct {
	Key         string          // idempotency key; empty if the user gave none
	Batch       string          // empty if the item belongs to no batch
	Index       int64           // position in the batch
	Lane        Lane            // LaneNormal if the user gave none
	Deadline    time.Time       // zero if the user gave none
	TraceParent string          // W3C Trace Context
	TraceState  string          //
	Params      json.RawMessage // a JSON object, or nil if the user sent Text
	Text        string          // plain text: the recipe's primary parameter
}

// ParseInput reads a message from outside: a plain-text body, a JSON object of parameters, or a CloudEvent in structured or
// binary mode (CloudEvents 1.0.2, NATS protocol binding). Header names are compared without regard to case, and of a repeated
// header the first value counts. at is when the message was stored; a relative deadline counts from it. Errors wrap ErrInput.
func ParseInput(header map[string][]string, body []byte, at time.Time) (Input, error) {
	h := lower(header)
	in := Input{
		Key: h["nats-msg-id"], Batch: h[HeaderBatch],
		TraceParent: h[HeaderTraceParent], TraceState: h[HeaderTraceState],
	}
	attrs := attributes{lane: h[HeaderLane], deadline: h[HeaderDeadline], index: h[HeaderIndex]}

	contentType := strings.ToLower(h[HeaderContentType])
	switch {
	case strings.HasPrefix(contentType, "application/cloudevents-batch"):
		return in, inputError("a batch of CloudEvents in one message is not accepted: send one event per message")
	case h["ce-specversion"] != "":
		ce := cloudEvent{SpecVersion: h["ce-specversion"], ID: h["ce-id"], Source: h["ce-source"], Type: h["ce-type"]}
		if err := ce.validate(); err != nil {
			return in, err
		}
		in.adopt(ce)
	case h["ce-id"] != "" && in.Key == "":
		in.Key = h["ce-id"]
	}

	if strings.HasPrefix(contentType, "application/cloudevents") || looksStructured(body) {
		var err error
		if body, err = in.structured(body, &attrs); err != nil {
			return in, err
		}
	}
	if err := attrs.apply(&in, at); err != nil {
		return in, err
	}
	return in, in.readBody(body)
}

// adopt takes over what a CloudEvent says, where the message's own headers say nothing.
// An event is identified by its source and id together (CloudEvents 1.0.2, "id").
func (in *Input) adopt(ce cloudEvent) {
	if in.Key == "" {
		in.Key = ce.Source + "\n" + ce.ID
	}
}

// readBody tells plain text from JSON.
func (in *Input) readBody(body []byte) error {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	if !utf8.Valid(body) {
		return inputError("the body is not UTF-8 text: send plain text, a JSON object or a CloudEvent")
	}
	if len(body) == 0 {
		return nil
	}
	switch body[0] {
	case '{':
		if err := json.Unmarshal(body, new(map[string]json.RawMessage)); err != nil {
			return inputError("the body starts like a JSON object but is not one: %v", err)
		}
		in.Params = json.RawMessage(body)
	case '[':
		if json.Valid(body) {
			return inputError("a JSON array is not accepted: send one message per item")
		}
		in.Text = string(body)
	case '"':
		if json.Unmarshal(body, &in.Text) == nil {
			return nil
		}
		in.Text = string(body)
	default:
		in.Text = string(body)
	}
	return nil
}

// cloudEvent has the attributes of a structured CloudEvent that mean something here. Those below the data are extensions.
type cloudEvent struct {
	SpecVersion string          `json:"specversion"`
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	Data        json.RawMessage `json:"data"`
	DataBase64  *string         `json:"data_base64"`

	Batch       string          `json:"batch"`
	Index       json.RawMessage `json:"index"`
	Lane        string          `json:"lane"`
	Deadline    string          `json:"deadline"`
	TraceParent string          `json:"traceparent"`
	TraceState  string          `json:"tracestate"`
}

func (ce cloudEvent) validate() error {
	if ce.SpecVersion != "1.0" {
		return inputError("CloudEvents version %.20q is not supported: use specversion 1.0", ce.SpecVersion)
	}
	for _, a := range []struct{ name, value string }{{"id", ce.ID}, {"source", ce.Source}, {"type", ce.Type}} {
		if a.value == "" {
			return inputError("the CloudEvent has no %s, which is a required attribute", a.name)
		}
	}
	return nil
}

// looksStructured tells whether a body is a structured CloudEvent even though its sender did not set a content type.
func looksStructured(body []byte) bool {
	if !bytes.Contains(body, []byte(`"specversion"`)) {
		return false
	}
	var ce struct {
		SpecVersion *string `json:"specversion"`
		Source      *string `json:"source"`
	}
	return json.Unmarshal(body, &ce) == nil && ce.SpecVersion != nil && ce.Source != nil
}

// structured reads a structured CloudEvent into the input and returns its data as a body.
func (in *Input) structured(body []byte, attrs *attributes) ([]byte, error) {
	var ce cloudEvent
	if err := json.Unmarshal(body, &ce); err != nil {
		return nil, inputError("the CloudEvent cannot be read: %v", err)
	}
	if err := ce.validate(); err != nil {
		return nil, err
	}
	in.adopt(ce)
	keep := func(have *string, event string) {
		if *have == "" {
			*have = event
		}
	}
	keep(&in.Batch, ce.Batch)
	keep(&in.TraceParent, ce.TraceParent)
	keep(&in.TraceState, ce.TraceState)
	keep(&attrs.lane, ce.Lane)
	keep(&attrs.deadline, ce.Deadline)
	keep(&attrs.index, strings.Trim(string(ce.Index), `"`))
	if ce.DataBase64 != nil {
		data, err := base64.StdEncoding.DecodeString(*ce.DataBase64)
		if err != nil {
			return nil, inputError("data_base64 of the CloudEvent is not base64: %v", err)
		}
		return data, nil
	}
	if string(ce.Data) == "null" {
		return nil, nil
	}
	return ce.Data, nil
}

// attributes are the optional headers that need parsing.
type attributes struct{ lane, deadline, index string }

func (a attributes) apply(in *Input, at time.Time) error {
	var err error
	if in.Lane, err = ParseLane(a.lane); err != nil {
		return inputError("%v", err)
	}
	if in.Batch != "" {
		if err := ValidBatch(in.Batch); err != nil {
			return inputError("%v", err)
		}
	}
	if a.index != "" {
		if in.Index, err = strconv.ParseInt(a.index, 10, 64); err != nil || in.Index < 0 {
			return inputError("index %.40q is not a whole number from 0", a.index)
		}
	}
	if a.deadline != "" {
		if in.Deadline, err = parseDeadline(a.deadline, at); err != nil {
			return err
		}
	}
	if len(in.Key) > maxKeyBytes {
		return inputError("the message id has %d bytes: use at most %d", len(in.Key), maxKeyBytes)
	}
	return nil
}

// maxKeyBytes bounds idempotency keys; only their hash is kept.
const maxKeyBytes = 4096

func parseDeadline(s string, at time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil {
		if d <= 0 {
			return time.Time{}, inputError("deadline %.40q is not in the future", s)
		}
		return at.Add(d).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, inputError("deadline %.40q is neither a time (RFC 3339, such as 2026-01-31T15:04:05Z) nor a duration (such as 30s)", s)
	}
	return t.UTC(), nil
}

func lower(header map[string][]string) map[string]string {
	h := make(map[string]string, len(header))
	for k, v := range header {
		k = strings.ToLower(k)
		if _, seen := h[k]; !seen && len(v) > 0 {
			h[k] = strings.TrimSpace(v[0])
		}
	}
	return h
}

func inputError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInput, fmt.Sprintf(format, args...))
}
