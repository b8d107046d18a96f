package reduce

import (
	"context"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/expression"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Bounds of what is kept for the results that a spec covers.
const (
	// maxKeys is how many keys a reduction tells apart. Beyond, those that sort first are kept and all others are taken together; so it does not
	// matter which came first.
	maxKeys = 1_000
	// maxValues is the same for the different values that top counts, with those of all keys together.
	maxValues = 100_000
)

// Plan is a spec that is ready to be used. It is safe for concurrent use.
type Plan struct {
	spec  Spec
	text  string // the spec's JSON
	parts []part
	steps []step // in the order of the spec
}

// part is the reductions that share their keys: a row of a part has the accumulators of all of them.
type part struct {
	by      *expression.Program // nil for one row
	members []int               // places in the spec
	most    int                 // rows
}

// step is what has to be evaluated for a reduction.
type step struct {
	part, member int // its place among the members
	of, where    *expression.Program
	okOnly       bool
}

// aboutEnds are the variables that tell how an item ended. A reduction that looks at none of them covers only results that are ok.
var aboutEnds = []string{"status", "outcome", "reason", "error"}

// Compile prepares a spec.
func Compile(s Spec) (*Plan, error) {
	p := &Plan{spec: s, text: string(s.JSON()), steps: make([]step, len(s))}
	shared := map[string]int{} // parts by their key
	for i := range s {
		r := &s[i]
		st := step{okOnly: true}
		var by *expression.Program
		for _, e := range []struct {
			text string
			to   **expression.Program
		}{{r.Of, &st.of}, {r.By, &by}, {r.Where, &st.where}} {
			if e.text == "" {
				continue
			}
			program, err := expression.Compile(e.text, expression.Result())
			if err != nil {
				return nil, fmt.Errorf("%w %s: %w", ErrSpec, r.Name, err)
			}
			*e.to = program
			st.okOnly = st.okOnly && !program.Uses(aboutEnds...)
		}
		at, known := shared[r.By]
		if !known || r.Op == OpTop {
			at = len(p.parts)
			p.parts = append(p.parts, part{by: by, most: maxKeys})
		}
		if r.Op == OpTop {
			p.parts[at].most = maxValues
		} else {
			shared[r.By] = at
		}
		st.part, st.member = at, len(p.parts[at].members)
		p.parts[at].members = append(p.parts[at].members, i)
		p.steps[i] = st
	}
	return p, nil
}

// Spec is what the plan was made of.
func (p *Plan) Spec() Spec { return p.spec }

// Text is the JSON of the spec, by which plans can be told apart.
func (p *Plan) Text() string { return p.text }

// reduction is that of a member of a part.
func (p *Plan) reduction(part, member int) *Reduction { return &p.spec[p.parts[part].members[member]] }

// newRow makes the accumulators of one key of a part.
func (p *Plan) newRow(at int) row {
	members := p.parts[at].members
	accumulators := make(row, len(members))
	for i := range members {
		accumulators[i] = newAccumulator(p.reduction(at, i))
	}
	return accumulators
}

// fate is what becomes of a result in a reduction.
type fate int8

const (
	left    fate = iota // it is not covered
	skipped             // there is no value, or none that fits
	taken
)

// Judgement is what a result means for the reductions of a plan.
type Judgement struct {
	plan  *Plan
	steps []judgedStep
}

type judgedStep struct {
	fate  fate
	row   string
	input input
}

// Judge evaluates a plan's expressions over a result. It takes some microseconds and at most some tenths of a second; machine is used by one
// goroutine at a time. Errors of expressions are no errors: the result counts as skipped. When ctx ends, it returns the context's error.
func (p *Plan) Judge(ctx context.Context, machine *expression.Machine, r *events.Result) (Judgement, error) {
	j := Judgement{plan: p, steps: make([]judgedStep, len(p.steps))}
	judge := judge{ctx: ctx, machine: machine, record: expression.NewRecord(r), keys: make([]judgedKey, len(p.parts))}
	for i := range p.steps {
		st := &p.steps[i]
		if st.okOnly && r.Status != events.StatusOK {
			continue
		}
		j.steps[i] = judge.step(p, st, &p.spec[i])
		if ctx.Err() != nil {
			return j, context.Cause(ctx)
		}
	}
	return j, nil
}

// judge evaluates; what several reductions need is evaluated once.
type judge struct {
	ctx     context.Context //nolint:containedctx // it lives for one call of Judge
	machine *expression.Machine
	record  *expression.Record
	keys    []judgedKey // by part
}

type judgedKey struct {
	done, ok bool
	text     string
}

func (j *judge) step(p *Plan, st *step, r *Reduction) judgedStep {
	if st.where != nil {
		v, err := j.machine.Over(j.ctx, st.where, j.record)
		covered, isBool := v.(bool)
		switch {
		case err != nil || !isBool:
			return judgedStep{fate: skipped}
		case !covered:
			return judgedStep{}
		}
	}
	out := judgedStep{fate: taken}
	var value any
	if st.of != nil {
		var err error
		if value, err = j.machine.Over(j.ctx, st.of, j.record); err != nil {
			return judgedStep{fate: skipped}
		}
	}
	key, ok := j.key(p, st.part)
	if !ok {
		return judgedStep{fate: skipped}
	}
	out.row = key
	switch r.Op {
	case OpCount:
		if st.of == nil {
			return out
		}
		if covered, isBool := value.(bool); isBool && !covered {
			return judgedStep{}
		}
		ok = value != nil
	case OpDistinct, OpTop:
		var text []byte
		if r.Op == OpTop {
			text, ok = canonicalShort(value)
			out.row = joinRow(key, text)
		} else if text, ok = canonical(value); ok {
			out.input.hash = hashOf(text)
		}
	default:
		out.input.number, ok = numberOf(value)
	}
	if !ok {
		return judgedStep{fate: skipped}
	}
	return out
}

// key is that of a part's row.
func (j *judge) key(p *Plan, at int) (string, bool) {
	k := &j.keys[at]
	if !k.done {
		k.done, k.ok = true, true
		if by := p.parts[at].by; by != nil {
			v, err := j.machine.Over(j.ctx, by, j.record)
			if err != nil {
				v = nil
			}
			k.text, k.ok = keyOf(v)
		}
	}
	return k.text, k.ok
}
