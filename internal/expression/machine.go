package expression

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Limits bound what running programs takes, between two resets of a Machine.
type Limits struct {
	Bytes    int // that operations may read and make; 0 means 64 MiB
	Elements int // of lists that are made in one run; 0 means a million
	Rounds   int // of loops; 0 leaves their end to the context
}

// ForResult are the limits of an expression over one result.
var ForResult = Limits{Bytes: 8 << 20, Elements: 100_000, Rounds: 100_000}

const (
	defaultBytes    = 64 << 20
	defaultElements = 1_000_000
)

// Machine runs programs, one at a time. It is not safe for concurrent use.
type Machine struct {
	limits Limits
	vm     vm.VM
	meter  meter
	env    map[string]any
}

// NewMachine makes a machine.
func NewMachine(limits Limits) *Machine {
	if limits.Bytes == 0 {
		limits.Bytes = defaultBytes
	}
	if limits.Elements == 0 {
		limits.Elements = defaultElements
	}
	m := &Machine{limits: limits, env: make(map[string]any, 16)}
	m.vm.MemoryBudget = uint(limits.Elements)
	return m
}

// Reset forgets the variables and allows for as much as the limits say.
func (m *Machine) Reset() {
	clear(m.env)
	m.env[meterName] = &m.meter
	m.meter = meter{left: m.limits.Bytes, limits: m.limits}
}

// Set gives variables their values, for programs of an open vocabulary.
func (m *Machine) Set(variables map[string]any) { maps.Copy(m.env, variables) }

// Let gives one variable its value.
func (m *Machine) Let(name string, v any) { m.env[name] = v }

// Run runs a program after a Reset. When ctx has ended, the error says nothing that is useful: look at ctx first.
func (m *Machine) Run(ctx context.Context, p *Program) (any, error) {
	m.meter.done = ctx.Done()
	v, err := m.vm.Run(p.program, m.env)
	if err == nil && ctx.Err() == nil {
		return v, nil
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case m.meter.verdict != nil:
		return nil, m.meter.verdict
	}
	if f, ok := errors.AsType[*file.Error](err); ok {
		if f.Message == "memory budget exceeded" {
			return nil, tooLarge("it makes lists with more than %d elements: make shorter ones", m.limits.Elements)
		}
		err = errors.New(f.Message)
	}
	return nil, ops.Fail(events.ReasonComputation, err)
}

// Charge takes the weight of a value from what the limits allow, for one that is going to be written out.
func (m *Machine) Charge(v any) error { return m.meter.charge(v) }

// Over runs a program over a result, with limits of its own.
func (m *Machine) Over(ctx context.Context, p *Program, r *Record) (any, error) {
	if v, ok := p.lookUp(r); ok {
		return v, nil
	}
	m.Reset()
	for _, u := range p.uses {
		m.env[u.Name] = u.Get(r)
	}
	return m.Run(ctx, p)
}

// lookUp finds what a program that is nothing but a path yields, without a machine. What is not there is the machine's to judge.
func (p *Program) lookUp(r *Record) (any, bool) {
	if len(p.path) == 0 {
		return nil, false
	}
	v := p.uses[0].Get(r)
	for _, name := range p.path[1:] {
		fields, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = fields[name]; !ok {
			return nil, false
		}
	}
	return v, true
}

func tooLarge(format string, args ...any) error {
	return ops.Fail(events.ReasonTooLarge, fmt.Errorf(format, args...))
}
