package cruncher

import (
	"errors"
	"reflect"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// The machine that runs expressions counts the elements of lists that it makes, and nothing else: it knows no context, and a short
// expression can double a text forty times, or compare two lists that share their parts for ever. So a compiled expression is
// metered: each round of a loop is counted, and what an operation is to read or to make is weighed before.
const (
	maxExprBytes = 16 << 10
	maxExprNodes = 1_000
	exprBudget   = 64 << 20 // bytes that the operations of one element may read and make
	meterName    = "\x00meter"
	tickName     = "\x00tick"
	chargeName   = "\x00charge"
)

// compileExpr compiles an expression.
func compileExpr(text string) (*vm.Program, error) {
	if len(text) > maxExprBytes {
		return nil, invalid("expression %.80q has %d bytes: use at most %d", text, len(text), maxExprBytes)
	}
	options := []expr.Option{
		expr.Env(map[string]any{}), expr.AllowUndefinedVariables(), expr.MaxNodes(maxExprNodes),
		expr.Function(tickName, tick), expr.Function(chargeName, charge),
	}
	for name := range outgrowing {
		options = append(options, expr.Function("\x00"+name, grow(name)))
	}
	// Once as it is, for messages about what was written, and once metered.
	var inspect inspector
	_, err := expr.Compile(text, append(options, expr.Patch(&inspect))...)
	if err == nil {
		err = inspect.err
	}
	var program *vm.Program
	if err == nil {
		program, err = expr.Compile(text, append(options, expr.MaxNodes(0), expr.Patch(metering{}))...)
	}
	if err != nil {
		if f, ok := errors.AsType[*file.Error](err); ok {
			return nil, invalid("expression %.200q: line %d, column %d: %s", text, f.Line, f.Column+1, f.Message)
		}
		return nil, invalid("expression %.200q: %w", text, err)
	}
	return program, nil
}

// inspector refuses what cannot be run.
type inspector struct{ err error }

// Visit looks at one node.
func (i *inspector) Visit(node *ast.Node) { //nolint:gocritic // as ast.Visitor has it
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == "$env" {
			i.err = errors.New("there is no $env: the element is called it")
		}
	case *ast.CallNode:
		i.err = errors.New("there is no function " + n.Callee.String())
	}
}

// metering adds the meter to an expression.
type metering struct{}

// Visit patches one node; its parts have been patched before.
func (metering) Visit(node *ast.Node) { //nolint:gocritic // as ast.Visitor has it
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		n.Node = call(tickName, n.Node)
	case *ast.BinaryNode:
		switch n.Operator {
		case "+", "==", "!=", "in", "contains", "startsWith", "endsWith", "matches":
			n.Left, n.Right = charged(n.Left), charged(n.Right)
		}
	case *ast.BuiltinNode:
		if outgrowing[n.Name] != nil {
			ast.Patch(node, call("\x00"+n.Name, n.Arguments...))
			return
		}
		for i := range n.Arguments {
			if _, predicate := n.Arguments[i].(*ast.PredicateNode); !predicate && !shallow[n.Name] {
				n.Arguments[i] = charged(n.Arguments[i])
			}
		}
	}
}

// shallow are the functions that look neither into the elements of a list nor at many of them.
var shallow = map[string]bool{
	"len": true, "type": true, "abs": true, "ceil": true, "floor": true, "round": true, "int": true, "float": true,
	"first": true, "last": true, "get": true, "now": true, "duration": true, "date": true, "timezone": true,
	"all": true, "none": true, "any": true, "one": true, "filter": true, "map": true, "find": true, "findIndex": true, "findLast": true,
	"findLastIndex": true, "count": true, "reduce": true,
}

// call makes a node that calls a function of the meter, which is its first argument.
func call(name string, args ...ast.Node) ast.Node {
	return &ast.CallNode{
		Callee:    &ast.IdentifierNode{Value: name},
		Arguments: append([]ast.Node{&ast.IdentifierNode{Value: meterName}}, args...),
	}
}

// charged makes a node whose value is weighed, if it can weigh anything.
func charged(n ast.Node) ast.Node {
	switch n.(type) {
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode, *ast.ConstantNode:
		return n
	}
	return call(chargeName, n)
}

// meter ends an expression that takes too much.
type meter struct {
	left    int          // bytes
	rounds  int          // of loops
	ended   func() error // the verdict when the context has ended, else nil
	verdict error        // why it was ended
}

func tick(args ...any) (any, error) {
	m := args[0].(*meter) //nolint:forcetypeassert // call has put it there
	if m.rounds++; m.rounds%1024 == 0 {
		m.verdict = m.ended()
	}
	return args[1], m.verdict
}

func charge(args ...any) (any, error) {
	m := args[0].(*meter) //nolint:forcetypeassert // call has put it there
	return args[1], m.charge(args[1])
}

// charge takes the weight of a value from what is left.
func (m *meter) charge(v any) error {
	before := m.left
	m.weigh(v, 0)
	return m.spent(before)
}

// spent makes the verdict if nothing is left, or, from time to time, if the context has ended.
func (m *meter) spent(before int) error {
	const between = 1 << 20
	if m.left < 0 {
		m.verdict = tooLarge("expr: an element takes more than %d bytes to compute: make smaller parts of it", exprBudget)
	} else if before/between != m.left/between {
		m.verdict = m.ended()
	}
	return m.verdict
}

// weigh takes from what is left about as many bytes as the value has when it is written out, and stops when nothing is left.
func (m *meter) weigh(v any, depth int) {
	const node = 16
	switch v := v.(type) {
	case nil, bool, int, float64:
	case string:
		m.left -= len(v)
	case []any:
		for _, e := range v {
			if m.left -= node + 2*depth; m.left < 0 {
				return
			}
			m.weigh(e, depth+1)
		}
	case map[string]any:
		for k, e := range v {
			if m.left -= node + 2*depth + len(k); m.left < 0 {
				return
			}
			m.weigh(e, depth+1)
		}
	default: // lists of other types, which functions of the language make
		if r := reflect.ValueOf(v); r.Kind() == reflect.Slice || r.Kind() == reflect.Array || r.Kind() == reflect.Map {
			m.left -= node * r.Len()
			if text, ok := v.([]string); ok {
				for _, s := range text {
					m.left -= len(s)
				}
			}
		}
	}
}

// outgrowing are the functions that take or make much more than their arguments weigh, with what they take.
var outgrowing = map[string]func(m *meter, args []any){
	"repeat": func(m *meter, args []any) {
		if s, ok := args[0].(string); ok && len(args) > 1 {
			m.take(len(s), integerOf(args[1]))
		}
	},
	"replace": func(m *meter, args []any) {
		s, _ := args[0].(string)
		if old, ok := args[min(1, len(args)-1)].(string); ok && len(args) > 2 {
			by, _ := args[2].(string)
			m.take(len(by), strings.Count(s, old))
		}
	},
	"join": func(m *meter, args []any) {
		if glue, ok := args[len(args)-1].(string); ok && len(args) > 1 {
			m.take(len(glue), length(args[0]))
		}
	},
	"split":      func(m *meter, args []any) { m.take(16, length(args[0])) },
	"splitAfter": func(m *meter, args []any) { m.take(16, length(args[0])) },
	"uniq": func(m *meter, args []any) { // it compares each with each
		before := m.left
		m.weigh(args[0], 0)
		m.take(before-m.left, length(args[0]))
	},
}

// take takes a number of bytes so many times.
func (m *meter) take(bytes, times int) {
	if times > 0 && bytes > m.left/times {
		m.left = -1
		return
	}
	m.left -= bytes * max(0, times)
}

func length(v any) int {
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice || r.Kind() == reflect.Array || r.Kind() == reflect.String {
		return r.Len()
	}
	return 0
}

func integerOf(v any) int {
	switch v := v.(type) {
	case int:
		return v
	case float64:
		return int(min(v, 1<<40))
	}
	return 0
}

// grow makes a function of the language that takes its weight first.
func grow(name string) func(args ...any) (any, error) {
	function := builtin.Builtins[builtin.Index[name]]
	weigh := outgrowing[name]
	return func(args ...any) (any, error) {
		m := args[0].(*meter) //nolint:forcetypeassert // call has put it there
		before := m.left
		if args = args[1:]; len(args) > 0 {
			for _, a := range args {
				m.weigh(a, 0)
			}
			weigh(m, args)
		}
		if err := m.spent(before); err != nil {
			return nil, err
		}
		switch {
		case function.Safe != nil:
			v, _, err := function.Safe(args...)
			return v, err
		default:
			return function.Func(args...)
		}
	}
}
