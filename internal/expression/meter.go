package expression

import (
	"context"
	"reflect"

	"github.com/expr-lang/expr/ast"
)

// The machine that runs expressions counts the elements of lists that it makes, and nothing else: it knows no context, and a short
// expression can double a text forty times, or compare two lists that share their parts for ever. So a compiled expression is
// metered: each round of a loop is counted, and what an operation is to read or to make is weighed before.
const (
	meterName  = "\x00meter"
	tickName   = "\x00tick"
	chargeName = "\x00charge"
)

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
		if _, ok := metered[n.Name]; ok {
			ast.Patch(node, call("\x00"+n.Name, n.Arguments...))
			return
		}
		for i := range n.Arguments {
			if _, predicate := n.Arguments[i].(*ast.PredicateNode); !predicate && !shallow[n.Name] {
				n.Arguments[i] = charged(n.Arguments[i])
			}
		}
	case *ast.CallNode: // of one of our functions, all of which read their arguments
		for i := range n.Arguments {
			n.Arguments[i] = charged(n.Arguments[i])
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
	limits  Limits
	left    int             // bytes
	rounds  int             // of loops
	done    <-chan struct{} // of the context
	verdict error           // why it was ended
}

func tick(args ...any) (any, error) {
	m := args[0].(*meter) //nolint:forcetypeassert // call has put it there
	if m.rounds++; m.limits.Rounds > 0 && m.rounds > m.limits.Rounds {
		m.verdict = tooLarge("its loops go round more than %d times: go over less", m.limits.Rounds)
	} else if m.rounds%1024 == 0 {
		m.look()
	}
	return args[1], m.verdict
}

// look makes the verdict if the context has ended. Whoever runs the program looks at the context too.
func (m *meter) look() {
	select {
	case <-m.done:
		m.verdict = context.Canceled
	default:
	}
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
		m.verdict = tooLarge("it takes more than %d bytes to compute: make smaller parts of it", m.limits.Bytes)
	} else if before/between != m.left/between {
		m.look()
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
