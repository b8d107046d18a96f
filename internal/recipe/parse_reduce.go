package recipe

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/fetchmill/fetchmill/internal/reduce"
	"github.com/fetchmill/fetchmill/internal/yamldoc"
)

// reduce reads the reductions, each a text in the short form or an object.
func (d *document) reduce(r *Recipe, at yamldoc.Position) error {
	if len(d.Reduce) == 0 {
		return nil
	}
	list := make([]json.RawMessage, len(d.Reduce))
	for i, v := range d.Reduce { // one by one, so that the error has its line
		raw, err := json.Marshal(v)
		if err == nil {
			_, err = reduce.ParseJSON([]byte("[" + string(raw) + "]"))
		}
		if err != nil {
			return at.Wrap(fmt.Errorf("reduce: %w", err), "reduce", strconv.Itoa(i))
		}
		list[i] = raw
	}
	raw, err := json.Marshal(list)
	if err == nil {
		r.Reduce, err = reduce.ParseJSON(raw)
	}
	if err != nil {
		return at.Wrap(fmt.Errorf("reduce: %w", err), "reduce")
	}
	r.reduce = r.Reduce.JSON()
	return nil
}
