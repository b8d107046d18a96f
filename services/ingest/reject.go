package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	nobody         = "_"     // the recipe of a result whose recipe has no valid name
	maxRejectedKey = 200     // bytes of a key that nobody has checked
	maxErrorText   = 1 << 10 // bytes of an error in a header
)

// reject ends a message that cannot be accepted: with a failed result and a dead letter.
func (in *Intake) reject(m stage.Message, recipeName, id string, input events.Input, err error) stage.Verdict {
	reason := reasonOf(err)
	if events.ValidName(recipeName) != nil {
		recipeName = nobody
	}
	if events.ValidBatch(input.Batch) != nil {
		input.Batch, input.Index = "", 0
	}
	key := in.keyOf(recipeName, input)
	result := events.Result{
		ID: id, Recipe: recipeName, Batch: input.Batch, Index: input.Index, Key: key,
		Status: events.StatusFailed, Reason: reason, Error: stage.Shorten(err.Error(), maxErrorText),
		Submitted: m.Stored.UTC(), Finished: in.now().UTC(), Reduce: in.reduceOfRejected(recipeName, input), Time: input.Time,
	}
	if r, err := in.Recipes.Find(recipeName); err == nil { // windows take in what is rejected, too
		result.Window = r.WindowJSON()
	}
	data, encodeErr := json.Marshal(result)
	if encodeErr != nil {
		panic(fmt.Sprintf("ingest: a result without a value cannot be encoded: %v", encodeErr)) // it has strings, numbers and times only
	}
	out := stage.Outgoing{
		Subject: events.ResultSubject(recipeName),
		Header:  events.Headers(events.MsgID(id, events.StageSink), events.TypeResult, events.StageIngest),
		Data:    data,
	}
	carry{TraceParent: input.TraceParent, TraceState: input.TraceState}.add(out.Header)
	return stage.Done(stage.OutcomeRejected, out, in.deadLetter(m, recipeName, id, key, reason, err)).Because(reason)
}

// reduceOfRejected is what would have travelled with the item: reductions may count what is rejected, too. It is what the recipe declares
// if what was said at submit cannot be read.
func (in *Intake) reduceOfRejected(recipeName string, input events.Input) json.RawMessage {
	r, err := in.Recipes.Find(recipeName)
	if err != nil || input.Batch == "" {
		return nil
	}
	raw, err := in.reductions.of(r, input)
	if err != nil {
		input.Reduce = nil
		raw, _ = in.reductions.of(r, input) // what is declared was checked when the recipe was read
	}
	return raw
}

func reasonOf(err error) events.Reason {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Reason
	}
	return events.ReasonInternal
}

// deadLetter keeps the message as it came, so that it can be looked at and sent again. One that never fits would be refused by the
// broker and come again for ever.
func (in *Intake) deadLetter(m stage.Message, recipeName, id, key string, reason events.Reason, err error) stage.Outgoing {
	return stage.DeadLetter{
		Stage: events.StageIngest, Recipe: recipeName, Item: id, Key: key, Reason: reason, Err: err, MsgID: id + ".dead",
	}.Within(m, in.maxMessage())
}

// keyOf finds the text by which people recognise what was sent, as far as it can be found in what is not valid.
func (in *Intake) keyOf(recipeName string, input events.Input) string {
	if input.Text != "" {
		return stage.Shorten(strings.ToValidUTF8(input.Text, "\ufffd"), maxRejectedKey)
	}
	r, err := in.Recipes.Find(recipeName)
	var params map[string]json.RawMessage
	if err != nil || json.Unmarshal(input.Params, &params) != nil {
		return ""
	}
	raw := params[r.Primary]
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	return stage.Shorten(strings.ToValidUTF8(text, "\ufffd"), maxRejectedKey)
}
