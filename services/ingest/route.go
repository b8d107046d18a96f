package ingest

import (
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

// add sets the headers that are there and well-formed. A broken trace context is dropped, never a reason to refuse work.
func (c Carry) add(header map[string]string) {
	parent, state := events.TraceContext(c.TraceParent, c.TraceState)
	for name, value := range map[string]string{
		events.HeaderTraceParent: parent, events.HeaderTraceState: state, events.HeaderReply: c.Reply,
	} {
		if value != "" {
			header[name] = value
		}
	}
}
