package events

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// readEvent takes over the attributes if the message is a CloudEvent, and returns the body: the event's data, or else the body
// as it came.
func (in *Input) readEvent(h map[string]string, body []byte, attrs *attributes) ([]byte, error) {
	contentType := strings.ToLower(h[HeaderContentType])
	binary := h[HeaderSpecVersion] != ""
	switch {
	case strings.HasPrefix(contentType, "application/cloudevents-batch"):
		return nil, inputError("a batch of CloudEvents in one message is not accepted: send one event per message")
	case binary:
		ce := binaryEvent(h)
		in.adopt(ce, attrs)
		if err := ce.validate(); err != nil {
			return nil, err
		}
	case in.Key == "":
		in.Key = h[HeaderID]
	}
	if strings.HasPrefix(contentType, "application/cloudevents") || (!binary && looksStructured(body)) {
		return in.structured(body, attrs)
	}
	return body, nil
}

// cloudEvent has the attributes of a structured CloudEvent that mean something here. Those below the data are extensions.
type cloudEvent struct {
	SpecVersion string          `json:"specversion"`
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	Time        string          `json:"time"`
	Data        json.RawMessage `json:"data"`
	DataBase64  *string         `json:"data_base64"`

	Batch       string          `json:"batch"`
	Index       json.RawMessage `json:"index"`
	Lane        string          `json:"lane"`
	Deadline    string          `json:"deadline"`
	Reduce      string          `json:"reduce"`
	TraceParent string          `json:"traceparent"`
	TraceState  string          `json:"tracestate"`
}

// binaryEvent reads the attributes of a CloudEvent in binary mode; its data is the message's body.
func binaryEvent(h map[string]string) cloudEvent {
	const extension = "ce-"
	return cloudEvent{
		SpecVersion: h[HeaderSpecVersion], ID: h[HeaderID], Source: h[HeaderSource], Type: h[HeaderType], Time: h[extension+HeaderTime],
		Batch: h[extension+HeaderBatch], Index: json.RawMessage(h[extension+HeaderIndex]),
		Lane: h[extension+HeaderLane], Deadline: h[extension+HeaderDeadline], Reduce: h[extension+HeaderReduce],
		TraceParent: h[extension+HeaderTraceParent], TraceState: h[extension+HeaderTraceState],
	}
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
	if strings.ContainsAny(ce.Source, "\r\n") {
		return inputError("the source of the CloudEvent is not a URI reference: it has a line break")
	}
	return nil
}

// adopt takes over what a CloudEvent says, where the message's own headers say nothing.
// An event is identified by its source and id together (CloudEvents 1.0.2, "id"). A source has no line break, so the
// line break between the two keeps them apart.
func (in *Input) adopt(ce cloudEvent, attrs *attributes) {
	keep := func(have *string, event string) {
		if *have == "" {
			*have = event
		}
	}
	if ce.Source != "" && ce.ID != "" {
		keep(&in.Key, ce.Source+"\n"+ce.ID)
	}
	keep(&in.Batch, ce.Batch)
	if len(in.Reduce) == 0 && ce.Reduce != "" {
		in.Reduce = []string{ce.Reduce}
	}
	if in.TraceParent == "" { // the two belong together
		in.TraceParent, in.TraceState = ce.TraceParent, ce.TraceState
	}
	keep(&attrs.lane, ce.Lane)
	keep(&attrs.deadline, ce.Deadline)
	keep(&attrs.time, ce.Time)
	if index := string(ce.Index); index != "null" { // an attribute that is null is not there
		keep(&attrs.index, strings.Trim(index, `"`))
	}
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
	in.adopt(ce, attrs)
	if err := ce.validate(); err != nil {
		return nil, err
	}
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
