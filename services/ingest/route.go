package ingest

import (
	"fmt"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// carry is what travels beside an item, in headers.
type carry struct {
	TraceParent string
	TraceState  string
	Reply       string // where somebody waits for the result; empty if nobody does
}

// route makes the message that takes an item to its first stage: fetch, else crunch, else the sink, as a result that is ok. Errors are of
// type *Refusal.
func (in *Intake) route(it *events.Item, c carry) (stage.Outgoing, error) {
	out, err := stage.Forward(it, events.StageIngest, it.Submitted)
	if err != nil {
		return stage.Outgoing{}, &Refusal{events.ReasonInternal, fmt.Errorf("encode the item: %w", err)}
	}
	if most := max(in.maxMessage()-room, in.maxMessage()/2); len(out.Data) > most {
		return stage.Outgoing{}, &Refusal{events.ReasonTooLarge, fmt.Errorf(
			"the item has %d bytes with its plan, and at most %d can be sent on: send less, or the address of where it is", len(out.Data), most)}
	}
	c.add(out.Header)
	return out, nil
}

// add sets the headers that are there and well-formed. A broken trace context is dropped, never a reason to refuse work.
func (c carry) add(header map[string]string) {
	parent, state := events.TraceContext(c.TraceParent, c.TraceState)
	for name, value := range map[string]string{
		events.HeaderTraceParent: parent, events.HeaderTraceState: state, events.HeaderReply: c.Reply,
	} {
		if value != "" {
			header[name] = value
		}
	}
}
