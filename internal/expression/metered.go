package expression

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/builtin"
)

// meteredFunction is a function of the language that is replaced.
type meteredFunction struct {
	// take takes what it reads and makes beyond its arguments, which have been weighed; nil if that is nothing.
	take func(m *meter, args []any)
	// run does its work instead of the language, whose own yields another order each time; nil leaves it to the language.
	run func(args []any) (any, error)
}

// metered are the functions that take or make much more than their arguments weigh, and those that go over an object.
var metered = map[string]meteredFunction{
	"repeat": {take: func(m *meter, args []any) {
		if s, ok := args[0].(string); ok && len(args) > 1 {
			m.take(len(s), integerOf(args[1]))
		}
	}},
	"replace": {take: func(m *meter, args []any) {
		s, _ := args[0].(string)
		if old, ok := args[min(1, len(args)-1)].(string); ok && len(args) > 2 {
			by, _ := args[2].(string)
			m.take(len(by), strings.Count(s, old))
		}
	}},
	"join": {take: func(m *meter, args []any) {
		if glue, ok := args[len(args)-1].(string); ok && len(args) > 1 {
			m.take(len(glue), length(args[0]))
		}
	}},
	"split":      {take: func(m *meter, args []any) { m.take(16, length(args[0])) }},
	"splitAfter": {take: func(m *meter, args []any) { m.take(16, length(args[0])) }},
	"uniq": {take: func(m *meter, args []any) { // it compares each with each
		before := m.left
		m.weigh(args[0], 0)
		m.take(before-m.left, length(args[0]))
	}},
	"keys":    {run: overObject("keys", func(key, _ any) any { return key })},
	"values":  {run: overObject("values", func(_, value any) any { return value })},
	"toPairs": {run: overObject("toPairs", func(key, value any) any { return []any{key, value} })},
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
	instead := metered[name]
	return func(args ...any) (any, error) {
		m := args[0].(*meter) //nolint:forcetypeassert // call has put it there
		before := m.left
		if args = args[1:]; len(args) > 0 {
			for _, a := range args {
				m.weigh(a, 0)
			}
			if instead.take != nil {
				instead.take(m, args)
			}
		}
		if err := m.spent(before); err != nil {
			return nil, err
		}
		switch {
		case instead.run != nil:
			return instead.run(args)
		case function.Safe != nil:
			v, _, err := function.Safe(args...)
			return v, err
		default:
			return function.Func(args...)
		}
	}
}

// overObject makes a function that goes over the fields of an object, in the order of their names.
func overObject(name string, pick func(key, value any) any) func(args []any) (any, error) {
	return func(args []any) (any, error) {
		v := reflect.ValueOf(args[0])
		if v.Kind() != reflect.Map {
			return nil, fmt.Errorf("%s takes an object, not %T", name, args[0])
		}
		names := v.MapKeys()
		slices.SortFunc(names, func(a, b reflect.Value) int {
			return cmp.Compare(fmt.Sprint(a.Interface()), fmt.Sprint(b.Interface()))
		})
		out := make([]any, len(names))
		for i, key := range names {
			out[i] = pick(key.Interface(), v.MapIndex(key).Interface())
		}
		return out, nil
	}
}
