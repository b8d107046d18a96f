package stage

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// validOpName tells whether an operation's name can stand in a subject: tokens of letters, digits, '_' and '-', with dots between them.
func validOpName(name string) bool {
	empty := true // the token so far
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
			empty = false
		case c == '.' && !empty:
			empty = true
		default:
			return false
		}
	}
	return !empty
}

// Forward makes the message that takes an item to its next station: a stage, or with nothing left to do the sink.
func Forward(it *events.Item, from events.Stage, now time.Time) (Outgoing, error) {
	to, op := it.Plan.Next()
	if to == events.StageSink {
		return ResultMessage(it.Result(events.StatusOK, now), from)
	}
	if !validOpName(op) {
		return Outgoing{}, fmt.Errorf("%w: %.80q", errOpName, op)
	}
	data, err := it.Encode()
	if err != nil {
		return Outgoing{}, fmt.Errorf("encode item: %w", err)
	}
	return Outgoing{
		Subject: events.StepSubject(to, it.Lane, op),
		Header:  events.Headers(events.MsgID(it.ID, to), events.TypeItem, from),
		Data:    data,
	}, nil
}

// ResultMessage makes the message that takes a result to the sink.
func ResultMessage(r *events.Result, from events.Stage) (Outgoing, error) {
	data, err := r.Encode()
	if err != nil {
		return Outgoing{}, fmt.Errorf("encode result: %w", err)
	}
	return Outgoing{
		Subject: events.ResultSubject(r.Recipe),
		Header:  events.Headers(events.MsgID(r.ID, events.StageSink), events.TypeResult, from),
		Data:    data,
	}, nil
}

// carried are the headers that travel with an item beside its record: the trace, and who waits for the result.
var carried = []string{events.HeaderTraceParent, events.HeaderTraceState, events.HeaderReply}

// Carry copies onto a message what travels with the item beside its record: the trace, and who waits for the result.
func Carry(from Message, to Outgoing) Outgoing {
	for _, k := range carried {
		if v := from.Header[k]; v != "" {
			to.Header[k] = v
		}
	}
	return to
}

// Ending describes how and why an item ends before its plan is done.
type Ending struct {
	Stage      events.Stage
	Item       *events.Item
	Message    Message
	Status     events.Status
	Reason     events.Reason
	Err        error
	DeadLetter bool
}

// End makes the verdict: a result, and if wanted a dead letter.
func End(e Ending) Verdict {
	v := e.verdict(e.Item.Value)
	v.Smaller = func() Verdict {
		e.Message = e.Message.stripped()
		return e.verdict(nil)
	}
	return v
}

func (e Ending) verdict(value json.RawMessage) Verdict {
	it := e.Item
	r := it.Result(e.Status, time.Now())
	r.Reason, r.Error, r.Value = e.Reason, OneLine(e.Err.Error()), value
	result, err := ResultMessage(r, e.Stage)
	if err != nil { // only a value that is not JSON can do that
		r.Value = nil
		result, _ = ResultMessage(r, e.Stage)
	}
	out := []Outgoing{Carry(e.Message, result)}
	if e.DeadLetter {
		out = append(out, DeadLetter{
			Stage: e.Stage, Recipe: it.Recipe, Item: it.ID, Key: it.Key,
			Reason: e.Reason, Err: e.Err, MsgID: it.ID + ".dead",
		}.Outgoing(e.Message))
	}
	outcome := OutcomeFailed
	if e.Status == events.StatusCancelled {
		outcome = OutcomeCancelled
	}
	return Done(outcome, out...).Because(e.Reason)
}
