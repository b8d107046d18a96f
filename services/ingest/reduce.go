package ingest

import (
	"encoding/json"
	"fmt"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/internal/reduce"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// reductions reads what users want the results of their batches reduced to. Most items of a batch say the same, so what was read
// last is kept. A nil one keeps nothing.
type reductions struct {
	read *lru.Cache[string, json.RawMessage]
}

const keptReductions = 256

func newReductions() *reductions {
	read, err := lru.New[string, json.RawMessage](keptReductions)
	if err != nil {
		panic(fmt.Sprintf("ingest: %v", err)) // it refuses nothing but a size below one
	}
	return &reductions{read}
}

// of returns what travels with an item: what its recipe declares, and what was said at submit, which takes the place of what has the
// same name. It is nil for an item without a batch. Errors are of type *Refusal.
func (c *reductions) of(r *recipe.Recipe, input events.Input) (json.RawMessage, error) {
	declared, known := r.Reduce, r.ReduceJSON()
	if r.Splits() { // then it declares what the parts of an item are reduced to
		declared, known = nil, nil
	}
	switch {
	case input.Batch == "" && len(input.Reduce) > 0:
		return nil, &Refusal{events.ReasonInvalidParameter, fmt.Errorf("reduce %.80q: results are reduced over a batch: name one, with --batch or the header batch", input.Reduce[0])}
	case input.Batch == "":
		return nil, nil
	case len(input.Reduce) == 0:
		return known, nil
	}
	text := string(known) + "\x00" + strings.Join(input.Reduce, "\x00")
	if c != nil {
		if raw, ok := c.read.Get(text); ok {
			return raw, nil
		}
	}
	raw, err := readReductions(declared, input.Reduce)
	if err != nil {
		return nil, &Refusal{events.ReasonInvalidParameter, fmt.Errorf("reduce: %w", err)}
	}
	if c != nil {
		c.read.Add(text, raw)
	}
	return raw, nil
}

// checkReduce judges what items of a batch are going to say, before there are any.
func (in *Intake) checkReduce(b events.BatchRequest) error {
	if len(b.Reduce) == 0 {
		return nil
	}
	r, err := in.Recipes.Find(b.Recipe)
	if err != nil {
		r = &recipe.Recipe{} // that it is not known is told with the items
	}
	_, err = in.reductions.of(r, events.Input{Batch: b.Batch, Reduce: b.Reduce})
	return err
}

// readReductions reads texts that are a reduction in the short form, or a JSON array of several.
func readReductions(all reduce.Spec, texts []string) (json.RawMessage, error) {
	for _, text := range texts {
		var more reduce.Spec
		var err error
		if strings.HasPrefix(text, "[") {
			more, err = reduce.ParseJSON([]byte(text))
		} else {
			more, err = reduce.Parse(text)
		}
		if err == nil {
			all, err = all.With(more)
		}
		if err != nil {
			return nil, err
		}
	}
	return all.JSON(), nil
}
