package recipe

import (
	"encoding/json"
	"slices"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// plan makes the plan of an item. What depends on no parameter is made once and shared by all items.
type plan struct {
	fixed  events.Plan
	fetch  *template         // arguments of the fetch step, nil if they are fixed
	crunch map[int]*template // arguments of those crunch steps that are not fixed
}

func (p *plan) resolve(values []json.RawMessage) events.Plan {
	out := p.fixed
	if p.fetch != nil {
		step := *out.Fetch
		step.With = p.fetch.append(make([]byte, 0, 128), values)
		out.Fetch = &step
	}
	if len(p.crunch) > 0 {
		out.Crunch = slices.Clone(out.Crunch)
		for i, t := range p.crunch {
			out.Crunch[i].With = t.append(make([]byte, 0, 64), values)
		}
	}
	return out
}

// event turns a step into its form on the wire, with the arguments if they are fixed.
func (s *Step) event(t *template) (events.Step, *template) {
	out := events.Step{Op: s.Op, TimeoutMS: s.Timeout.Milliseconds(), Attempts: s.Attempts}
	if t == nil {
		return out, nil
	}
	if t.kind == isLiteral {
		out.With = t.literal
		return out, nil
	}
	return out, t
}
