package ingest

import (
	"context"
	"strings"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Work is the stage.Handler for messages that users publish on work.<recipe>. What cannot be accepted ends as a failed result, so
// that it has a row and its batch an end, and as a dead letter.
func (in *Intake) Work(_ context.Context, m stage.Message) stage.Verdict {
	name, err := events.RecipeOfWork(m.Subject)
	if err != nil {
		name = strings.TrimPrefix(m.Subject, events.PrefixWork)
	}
	header := make(map[string][]string, len(m.Header))
	for k, v := range m.Header {
		header[k] = []string{v}
	}
	input, inputErr := events.ParseInput(header, m.Data, m.Stored)
	id := events.IDFromSequence(m.Seq, m.Stored)
	if input.Key != "" {
		id = events.IDFromKey(input.Key)
	}
	switch {
	case err != nil:
		err = &Refusal{events.ReasonUnknownRecipe, err}
	case inputErr != nil:
		err = &Refusal{events.ReasonBadInput, inputErr}
	default:
		var out []stage.Outgoing
		if out, err = in.send(name, input, id, m.Stored, ""); err == nil {
			return stage.Done(stage.OutcomeDone, out...)
		}
	}
	return in.reject(m, name, id, input, err)
}
