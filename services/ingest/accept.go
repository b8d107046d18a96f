package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Refusal is why something is not accepted. The text says what to send instead.
type Refusal struct {
	Reason events.Reason
	Err    error
}

func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns what is wrong.
func (r *Refusal) Unwrap() error { return r.Err }

// maxKey bounds the text that people recognise an item by, in bytes; it is as long as the longest URL.
const maxKey = 8192

// maxDepth bounds how deep parameters are nested, because readers of JSON down the line stop somewhere.
const maxDepth = 1000

// accept checks an input against its recipe and makes the item. One of a recipe that splits its items has no plan; those of its parts
// are returned beside it. Errors are of type *Refusal.
func (in *Intake) accept(recipeName string, input events.Input, id string, submitted time.Time) (*events.Item, []events.Plan, error) {
	r, err := in.Recipes.Find(recipeName)
	if err != nil {
		return nil, nil, &Refusal{events.ReasonUnknownRecipe, err}
	}
	order, err := r.Resolve(input)
	if err != nil {
		if p, ok := errors.AsType[*recipe.ParamError](err); ok {
			return nil, nil, &Refusal{p.Reason, err}
		}
		return nil, nil, &Refusal{events.ReasonInvalidParameter, err}
	}
	if tooDeep(order.Params) {
		return nil, nil, &Refusal{events.ReasonInvalidParameter, fmt.Errorf("the parameters are nested deeper than %d: send them flatter", maxDepth)}
	}
	reduced, err := in.reductions.of(r, input)
	if err != nil {
		return nil, nil, err
	}
	lane := input.Lane
	if lane == "" {
		lane = events.LaneNormal
	}
	return &events.Item{
		ID: id, Recipe: r.Name, Batch: input.Batch, Index: input.Index, Key: stage.Shorten(order.Key, maxKey), Lane: lane,
		Params: order.Params, Plan: order.Plan, Submitted: submitted.UTC(), Deadline: input.Deadline,
		Reduce: reduced, Time: input.Time, Window: r.WindowJSON(),
	}, order.Parts, nil
}

// tooDeep tells whether JSON is nested deeper than maxDepth. Few documents have so many brackets at all.
func tooDeep(raw json.RawMessage) bool {
	if bytes.Count(raw, []byte("{"))+bytes.Count(raw, []byte("[")) <= maxDepth {
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	for depth := 0; depth <= maxDepth; {
		t, err := dec.Token()
		if err != nil {
			return false // the end, or not JSON, which Resolve says better
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
	return true
}
