// Package expression compiles and runs expressions of github.com/expr-lang/expr that strangers have written, over data that strangers
// have made. What an expression reads, makes and repeats is metered, so none can fill the memory or keep a worker beyond its time; and an
// expression over the same data always yields the same.
//
// A Vocabulary says which variables there are: anything (Open), a result (Result), or a result as the answer of something that is
// watched (Check). docs/expressions.md lists them. Errors are verdicts (see pkg/ops).
package expression

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

const (
	maxBytes = 16 << 10
	maxNodes = 1_000
)

// Program is a compiled expression. It is safe for concurrent use.
type Program struct {
	text    string
	program *vm.Program
	uses    []Variable // of the vocabulary
	path    []string   // if it is nothing but a variable, or a field below one
}

// String is the expression as it was written.
func (p *Program) String() string { return p.text }

// Compile compiles an expression that uses the variables of a vocabulary. Its error is a verdict that names line and column.
func Compile(text string, v Vocabulary) (*Program, error) {
	invalid := func(format string, args ...any) (*Program, error) {
		return nil, ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("expression %.200q: %w", text, fmt.Errorf(format, args...)))
	}
	if len(text) > maxBytes {
		return invalid("it has %d bytes: use at most %d", len(text), maxBytes)
	}
	if strings.TrimSpace(text) == "" {
		return invalid("it is empty")
	}
	// Once as it is, for messages about what was written, and once metered.
	look := inspector{vocabulary: v, used: map[string]bool{}}
	_, err := expr.Compile(text, v.options(v.env(), expr.MaxNodes(maxNodes), expr.Patch(&look))...)
	if err == nil {
		err = look.err
	}
	var program *vm.Program
	if err == nil {
		program, err = expr.Compile(text, v.options(v.meteredEnv(), expr.MaxNodes(0), expr.Patch(metering{}))...)
	}
	if f, ok := errors.AsType[*file.Error](err); ok {
		return invalid("line %d, column %d: %s%s", f.Line, f.Column+1, v.explain(f.Message), v.hint(f.Message, look.used))
	}
	if err != nil {
		return invalid("%w", err)
	}
	return &Program{text: text, program: program, uses: v.uses(look.used), path: look.path()}, nil
}

// inspector refuses what cannot be run, and finds out which variables are used.
type inspector struct {
	vocabulary Vocabulary
	used       map[string]bool
	root       ast.Node // the last node that is visited
	err        error
}

// Visit looks at one node.
func (i *inspector) Visit(node *ast.Node) { //nolint:gocritic // as ast.Visitor has it
	i.root = *node
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == "$env" {
			i.err = errors.New("there is no $env: " + i.vocabulary.instead())
		}
		i.used[n.Value] = true
	case *ast.CallNode:
		if name, ok := n.Callee.(*ast.IdentifierNode); !ok || functions[name.Value] == nil {
			i.err = errors.New("there is no function " + n.Callee.String())
		}
	}
}

// path is the variable and the fields that the expression consists of, nil if there is more to it.
func (i *inspector) path() []string {
	var path []string
	for node := i.root; ; {
		switch n := node.(type) {
		case *ast.IdentifierNode:
			if i.vocabulary.open {
				return nil
			}
			path = append(path, n.Value)
			slices.Reverse(path)
			return path
		case *ast.MemberNode:
			name, ok := n.Property.(*ast.StringNode)
			if !ok || n.Optional {
				return nil
			}
			path = append(path, name.Value)
			node = n.Node
		default:
			return nil
		}
	}
}

// Uses tells whether the expression uses one of these variables.
func (p *Program) Uses(names ...string) bool {
	return slices.ContainsFunc(p.uses, func(v Variable) bool { return slices.Contains(names, v.Name) })
}
