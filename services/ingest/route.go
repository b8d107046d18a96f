package ingest

import (
	"regexp"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Carry is what travels beside an item, in headers.
type Carry struct {
	TraceParent string
	TraceState  string
	Reply       string // where somebody waits for the result; empty if nobody does
}

// Route makes the message that takes an item to its first stage: fetch, else crunch, else the sink, as a result that is ok.
func Route(it *events.Item, c Carry) (stage.Outgoing, error) {
	out, err := stage.Forward(it, events.StageIngest, it.Submitted)
	if err == nil {
		c.add(out.Header)
	}
	return out, err
}

// traceParent is version 00 of the header traceparent, and how later versions begin (W3C Trace Context, section 3.2).
var traceParent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]{0,100})?$`)

// traceState allows what section 3.3 of W3C Trace Context allows, without looking at its list members.
var traceState = regexp.MustCompile(`^[\x20-\x7e\t]{1,512}$`)

// add sets the headers that are there and well-formed. A broken trace context is dropped, never a reason to refuse work.
func (c Carry) add(header map[string]string) {
	if traceParent.MatchString(c.TraceParent) {
		header[events.HeaderTraceParent] = c.TraceParent
		if traceState.MatchString(c.TraceState) {
			header[events.HeaderTraceState] = c.TraceState
		}
	}
	if c.Reply != "" {
		header[events.HeaderReply] = c.Reply
	}
}
