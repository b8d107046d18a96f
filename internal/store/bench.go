package store

import (
	"context"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/fetchmill/fetchmill/internal/expression"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// bench is where results are judged by what they came with, before a transaction begins, so that others do not wait for it.
type bench[T, J any, P plan[T, J]] struct {
	plans    *lru.Cache[string, P] // by the JSON of their specs; nil for what is none
	compile  func(spec string) P   // nil for what is none, which only a program that is not ours can have sent
	machines *sync.Pool
}

// plan is a spec, compiled.
type plan[T, J any] interface {
	*T
	Judge(ctx context.Context, m *expression.Machine, r *events.Result) (J, error)
}

// meaning is what a result means for what it came with.
type meaning[P, J any] struct {
	plan      P
	judgement J
}

// keptPlans is for how many different specs results may come at the same time without one being compiled twice.
const keptPlans = 512

func newBench[T, J any, P plan[T, J]](machines *sync.Pool, compile func(string) P) (*bench[T, J, P], error) {
	plans, err := lru.New[string, P](keptPlans)
	return &bench[T, J, P]{plans, compile, machines}, err
}

func newMachines() *sync.Pool {
	return &sync.Pool{New: func() any { return expression.NewMachine(expression.ForResult) }}
}

// plan is that of a spec; nil if there is none, or none that can be read.
func (b *bench[T, J, P]) plan(spec string) P {
	if spec == "" {
		return nil
	}
	if p, ok := b.plans.Get(spec); ok {
		return p
	}
	p := b.compile(spec)
	b.plans.Add(spec, p)
	return p
}

// judge returns nil for a result that came with nothing. Its error is that of the context.
func (b *bench[T, J, P]) judge(ctx context.Context, r *events.Result, spec string) (*meaning[P, J], error) {
	p := b.plan(spec)
	if p == nil {
		return nil, nil //nolint:nilnil // nothing is what most results mean
	}
	machine := b.machines.Get().(*expression.Machine) //nolint:forcetypeassert // the pool has nothing else
	defer b.machines.Put(machine)
	j, err := p.Judge(ctx, machine, r)
	if err != nil {
		return nil, err
	}
	return &meaning[P, J]{p, j}, nil
}
