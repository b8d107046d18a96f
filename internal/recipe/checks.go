package recipe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync/atomic"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Checks judge the arguments of steps before anything runs, by the name of the operation (see ops.Op.Check). A step whose operation
// has none is let through: there may be programs that serve it, and they judge for themselves.
//
// Arguments are judged when the recipe is read, with the defaults of their parameters. Those that depend on parameters of the types string,
// object and any are judged with each item again; numbers, booleans and URLs are bounded by the recipe, and judged when the step runs.
type Checks struct {
	Fetch, Crunch map[string]func(with json.RawMessage) error
}

// guard judges the arguments of one step of items. A nil guard lets all through. It is safe for concurrent use.
type guard struct {
	check func(with json.RawMessage) error
	where string
	good  atomic.Pointer[json.RawMessage] // the arguments that were found good last: those of a batch are often the same
}

// judge returns errors of type *ParamError.
func (g *guard) judge(with json.RawMessage) error {
	if g == nil {
		return nil
	}
	if good := g.good.Load(); good != nil && bytes.Equal(*good, with) {
		return nil
	}
	err := g.check(with)
	if err == nil {
		g.good.Store(&with)
		return nil
	}
	reason := ops.AsFailure(err).Reason
	if reason != events.ReasonMissingParameter {
		reason = events.ReasonInvalidParameter
	}
	return &ParamError{Reason: reason, Err: fmt.Errorf("%s: %w", g.where, err)}
}

// guarded judges the arguments of a step of a recipe, and returns the guard for those of its items, if they need one. where names the step.
func guarded(checks map[string]func(json.RawMessage) error, where string, s *Step, t *template, params []Param) (*guard, error) {
	check := checks[s.Op]
	if check == nil || t == nil {
		return nil, nil
	}
	values := make([]json.RawMessage, len(params))
	for i := range params {
		values[i] = params[i].Default
	}
	if err := check(t.append(nil, values)); err != nil {
		return nil, fmt.Errorf("with: %w", err)
	}
	for _, i := range t.params(nil) {
		switch params[i].Type {
		case TypeString, TypeObject, TypeAny:
			return &guard{check: check, where: where + ", op " + s.Op}, nil
		}
	}
	return nil, nil
}
