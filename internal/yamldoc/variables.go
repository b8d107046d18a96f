package yamldoc

import (
	"errors"
	"fmt"
	"regexp"
)

var variable = regexp.MustCompile(`\$(?:\$\{|\{([A-Za-z_][A-Za-z0-9_]*)\}|\{)`)

// Expand puts the values of variables into a text: ${NAME} is what lookup knows of the name, and $${ is ${ itself.
func Expand(text string, lookup func(name string) (string, bool)) (string, error) {
	var faults []error
	out := variable.ReplaceAllStringFunc(text, func(m string) string {
		switch m {
		case "$${":
			return "${"
		case "${":
			faults = append(faults, errors.New("after ${ comes the name of a variable and }; write $${ for the characters themselves"))
			return ""
		}
		name := m[2 : len(m)-1]
		value, ok := lookup(name)
		if !ok {
			faults = append(faults, fmt.Errorf("the variable %s is not set in the environment", name))
		}
		return value
	})
	return out, errors.Join(faults...)
}
