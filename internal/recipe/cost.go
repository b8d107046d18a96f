package recipe

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/fetchmill/fetchmill/internal/yamldoc"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// cost checks which parameter tells how long an item takes.
func (d *document) cost(r *Recipe, at yamldoc.Position) error {
	if d.Cost == "" {
		return nil
	}
	place, ok := r.index[d.Cost]
	if !ok {
		return at.Wrap(fmt.Errorf("cost names %q, but there is no such parameter", d.Cost), "cost")
	}
	if t := r.Params[place].Type; t != TypeInteger && t != TypeNumber {
		return at.Wrap(fmt.Errorf("cost names %q, which is of type %s: it must be an integer or a number", d.Cost, t), "cost")
	}
	r.Cost = d.Cost
	return nil
}

// CostOf is what an item is likely to cost in comparison with others of the recipe; 0 if that is not known.
func (r *Recipe) CostOf(in events.Input) float64 {
	if r.Cost == "" {
		return 0
	}
	text := in.Text
	if len(in.Params) > 0 {
		var given map[string]json.RawMessage
		if json.Unmarshal(in.Params, &given) != nil {
			return 0
		}
		text = string(given[r.Cost])
	} else if r.Cost != r.Primary {
		return 0
	}
	cost, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return cost
}
