package recipe

import (
	"encoding/json"
	"slices"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// plan makes the plan of an item. What depends on no parameter is made once and shared by all items.
type plan struct {
	fixed      events.Plan
	fetch      *template // arguments of the fetch step, nil if they are fixed
	fetchGuard *guard
	crunch     map[int]openStep // those crunch steps whose arguments are not fixed
}

// openStep is a step whose arguments depend on parameters.
type openStep struct {
	with  *template
	guard *guard
}

// resolve makes the plan. Its errors are of type *ParamError.
func (p *plan) resolve(values []json.RawMessage) (events.Plan, error) {
	out := p.fixed
	if p.fetch != nil {
		step := *out.Fetch
		step.With = p.fetch.append(make([]byte, 0, 128), values)
		if err := p.fetchGuard.judge(step.With); err != nil {
			return out, err
		}
		out.Fetch = &step
	}
	if len(p.crunch) > 0 {
		out.Crunch = slices.Clone(out.Crunch)
		for i, open := range p.crunch {
			out.Crunch[i].With = open.with.append(make([]byte, 0, 64), values)
			if err := open.guard.judge(out.Crunch[i].With); err != nil {
				return out, err
			}
		}
	}
	return out, nil
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
