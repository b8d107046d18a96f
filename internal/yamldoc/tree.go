package yamldoc

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Tree reads a document node by node and gathers all that is wrong with it. It is for files with secrets: what stands in the wrong place
// may be one, so no message quotes the file, as those of a decoder do.
type Tree struct{ faults []lineFault }

type lineFault struct {
	line int
	err  error
}

var lineRE = regexp.MustCompile(`line (\d+)`)

// Root parses the one document of data, at most so many bytes, and returns what it consists of; nil if it is empty.
func Root(data []byte, most int) (*yaml.Node, error) {
	if len(data) > most {
		return nil, fmt.Errorf("the file has %d bytes: at most %d are read", len(data), most)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var root yaml.Node
	if err := dec.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil //nolint:nilnil // there is nothing, and nothing is wrong with that
		}
		return nil, notYAML(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one document: write everything into one")
	}
	if len(root.Content) != 1 || IsNull(root.Content[0]) {
		return nil, nil //nolint:nilnil // likewise
	}
	return root.Content[0], nil
}

// notYAML keeps only the line of the decoder's message.
func notYAML(err error) error {
	if m := lineRE.FindString(err.Error()); m != "" {
		return fmt.Errorf("%s: this is not YAML: put texts with special characters into quotes", m)
	}
	return errors.New("the file is not YAML: put texts with special characters into quotes")
}

// IsNull tells whether a node has no value.
func IsNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// Fault notes that something is wrong at a node. The message must not have the node's value in it, unless that cannot be a secret.
func (t *Tree) Fault(at *yaml.Node, format string, args ...any) {
	t.faults = append(t.faults, lineFault{at.Line, fmt.Errorf(format, args...)})
}

// Err joins all faults with their lines, in the order of the file.
func (t *Tree) Err() error {
	slices.SortStableFunc(t.faults, func(a, b lineFault) int { return cmp.Compare(a.line, b.line) })
	errs := make([]error, len(t.faults))
	for i, f := range t.faults {
		errs[i] = fmt.Errorf("line %d: %w", f.line, f.err)
	}
	return errors.Join(errs...)
}

// Mapping visits the members of a mapping, each key once. what is what messages call it.
func (t *Tree) Mapping(node *yaml.Node, what string, visit func(key, value *yaml.Node)) {
	if node.Kind != yaml.MappingNode {
		t.Fault(node, "%s must have keys with values", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode || value.Kind == yaml.AliasNode || key.Value == "<<":
			t.Fault(key, "write it out: aliases and merged keys are not read")
		case seen[key.Value]:
			t.Fault(key, "%s has a key twice", what)
		default:
			seen[key.Value] = true
			visit(key, value)
		}
	}
}

// Text reads a text, or a number as it is written.
func (t *Tree) Text(node *yaml.Node, what string) (string, bool) {
	if node.Kind != yaml.ScalarNode || IsNull(node) {
		t.Fault(node, "%s must be a text", what)
		return "", false
	}
	return node.Value, true
}

// Bool reads true or false.
func (t *Tree) Bool(node *yaml.Node, what string) bool {
	if node.Kind != yaml.ScalarNode || node.Tag != "!!bool" {
		t.Fault(node, "%s is true or false", what)
	}
	return node.Value == "true"
}
