package window

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/fetchmill/fetchmill/internal/expression"
	"github.com/fetchmill/fetchmill/internal/reduce"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Plan is a spec that is ready to be used. It is safe for concurrent use.
type Plan struct {
	Spec
	Reductions *reduce.Plan // nil if there are none

	text             string // the spec's JSON
	time, by, source *expression.Program
}

// Compile prepares a spec.
func Compile(s Spec) (*Plan, error) {
	p := &Plan{Spec: s, text: string(s.JSON())}
	for _, e := range []struct {
		text string
		to   **expression.Program
	}{{s.Time, &p.time}, {s.By, &p.by}, {s.Source, &p.source}} {
		if e.text == "" {
			continue
		}
		program, err := expression.Compile(e.text, expression.Result())
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSpec, err)
		}
		*e.to = program
	}
	if len(s.Reduce) > 0 {
		var err error
		if p.Reductions, err = reduce.Compile(s.Reduce); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSpec, err)
		}
	}
	return p, nil
}

// Text is the JSON of the spec, by which plans can be told apart.
func (p *Plan) Text() string { return p.text }

// Judgement is what a result means for the windows of a plan.
type Judgement struct {
	Skipped bool // it tells no time, or no key
	At      int64
	Key     string
	Source  string
	Status  events.Status
	Reduce  reduce.Judgement // if the plan has reductions
}

// Instants that windows can have, with room for their lengths: the years 2 to 9999.
var (
	earliest = time.Date(2, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	latest   = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).UnixMilli()
)

// Judge evaluates a plan's expressions over a result, in the bounds of reduce.Plan.Judge. Its error is that of the context.
func (p *Plan) Judge(ctx context.Context, machine *expression.Machine, r *events.Result) (Judgement, error) {
	j := Judgement{Status: r.Status}
	record := expression.NewRecord(r)
	at, ok := p.when(ctx, machine, record)
	j.At, j.Skipped = at, !ok || at < earliest || at > latest
	if p.by != nil {
		v, err := machine.Over(ctx, p.by, record)
		if j.Key, ok = reduce.KeyOf(v); err != nil || !ok {
			j.Skipped = true
		}
	}
	if p.source != nil {
		if v, err := machine.Over(ctx, p.source, record); err == nil {
			j.Source, _ = reduce.KeyOf(v) // what does not say where it comes from is of the others
		}
	}
	if ctx.Err() != nil {
		return j, context.Cause(ctx)
	}
	if p.Reductions == nil || j.Skipped {
		return j, nil
	}
	var err error
	j.Reduce, err = p.Reductions.Judge(ctx, machine, r)
	return j, err
}

// when tells when a result happened, and whether it says so.
func (p *Plan) when(ctx context.Context, machine *expression.Machine, r *expression.Record) (int64, bool) {
	if p.time == nil {
		at := r.Time
		if at.IsZero() {
			at = r.Submitted
		}
		return at.UnixMilli(), !at.IsZero()
	}
	v, err := machine.Over(ctx, p.time, r)
	if err != nil {
		return 0, false
	}
	switch v := v.(type) {
	case time.Time:
		return v.UnixMilli(), true
	case string:
		t, err := time.Parse(time.RFC3339, v)
		return t.UnixMilli(), err == nil
	case int:
		return int64(v) * 1000, v < 1<<50 && v > -1<<50
	case float64:
		ms := math.Floor(v * 1000)
		return int64(ms), math.Abs(ms) < 1<<60
	default:
		return 0, false
	}
}
