package expression

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/types"
)

// Vocabulary is the variables that expressions may use. A new one is made of an old one by With.
type Vocabulary struct {
	variables map[string]Variable
	open      bool   // there may be others, which are nil
	hints     []hint // what to say when a mistake is likely to be a mix-up of names
	unwanted  []string
}

// Variable is one name that stands for something about a result.
type Variable struct {
	Name string
	// Type is what it is when it is there. An expression that does not fit it is refused when it is compiled.
	Type types.Type
	// Help says what it is, for documents and messages.
	Help string
	// Get returns its value; nil if the result has none.
	Get func(*Record) any
}

// hint is what a message adds if a variable is used and the mistake has to do with types.
type hint struct{ variable, text string }

// Open returns a vocabulary without names of its own: every name is a variable, and nil unless it is set.
func Open() Vocabulary { return Vocabulary{open: true} }

// With returns a vocabulary that has more variables; one of a name that is there takes its place.
func (v Vocabulary) With(more ...Variable) Vocabulary {
	v.variables = maps.Clone(v.variables)
	if v.variables == nil {
		v.variables = make(map[string]Variable, len(more))
	}
	for _, m := range more {
		v.variables[m.Name] = m
	}
	return v
}

// Variables lists what there is, in alphabetical order.
func (v Vocabulary) Variables() []Variable {
	list := make([]Variable, 0, len(v.variables))
	for _, name := range v.names() {
		list = append(list, v.variables[name])
	}
	return list
}

func (v Vocabulary) names() []string { return slices.Sorted(maps.Keys(v.variables)) }

// uses are the variables among the names that an expression has.
func (v Vocabulary) uses(names map[string]bool) []Variable {
	var list []Variable
	for name := range names {
		if variable, ok := v.variables[name]; ok {
			list = append(list, variable)
		}
	}
	return list
}

// options are those of the compiler, with the variables that env has.
func (v Vocabulary) options(env any, more ...expr.Option) []expr.Option {
	options := append([]expr.Option{expr.Env(env), expr.Function(tickName, tick), expr.Function(chargeName, charge)}, more...)
	if v.open {
		options = append(options, expr.AllowUndefinedVariables())
	}
	for _, name := range v.unwanted {
		options = append(options, expr.DisableBuiltin(name))
	}
	for name := range metered {
		options = append(options, expr.Function("\x00"+name, grow(name)))
	}
	for name, f := range functions {
		options = append(options, expr.Function(name, f.run, f.signature))
	}
	return options
}

// env tells the compiler the types of the variables.
func (v Vocabulary) env() any {
	if v.open {
		return map[string]any{}
	}
	env := make(types.Map, len(v.variables)+1)
	for name, variable := range v.variables {
		env[name] = variable.Type
	}
	return env
}

// meteredEnv has the meter too, which no expression can name.
func (v Vocabulary) meteredEnv() any {
	env := v.env()
	if env, ok := env.(types.Map); ok {
		env[meterName] = types.Any
	}
	return env
}

// instead says what there is.
func (v Vocabulary) instead() string {
	if v.open {
		return "the element is called it"
	}
	return "the variables are " + strings.Join(v.names(), ", ")
}

// explain makes what the compiler says about unknown names say what to use.
func (v Vocabulary) explain(message string) string {
	name, unknown := strings.CutPrefix(message, "unknown name ")
	if !unknown {
		return message
	}
	if slices.Contains(v.unwanted, name) {
		return fmt.Sprintf("there is no %s: an expression must always yield the same for the same result", name)
	}
	return fmt.Sprintf("there is no %s: %s; a text stands in quotes", name, v.instead())
}

// hint says more about a mistake that has to do with types, if a variable is used that is easily mixed up.
func (v Vocabulary) hint(message string, used map[string]bool) string {
	if !strings.Contains(message, "mismatched types") {
		return ""
	}
	for _, h := range v.hints {
		if used[h.variable] {
			return "; " + h.text
		}
	}
	return ""
}
