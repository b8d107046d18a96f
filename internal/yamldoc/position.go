package yamldoc

import (
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Position finds lines in a document.
type Position struct{ root *yaml.Node }

// Line returns the line of the value at a path of keys and indices, or of the nearest part above that is there; 0 if none is.
func (p Position) Line(path ...string) int {
	node := p.root
	if node.Kind == yaml.DocumentNode && len(node.Content) > 0 {
		node = node.Content[0]
	}
	line := node.Line
	for _, step := range path {
		if node.Kind == yaml.AliasNode {
			node = node.Alias
		}
		next, at := child(node, step)
		if next == nil {
			return line
		}
		node, line = next, at
	}
	return line
}

// child returns the value of a key with the line of the key, or the element of an index with its own.
func child(node *yaml.Node, step string) (*yaml.Node, int) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == step {
				return node.Content[i+1], node.Content[i].Line
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i < len(node.Content) {
			return node.Content[i], node.Content[i].Line
		}
	}
	return nil, 0
}

// Wrap names the line of a path in an error.
func (p Position) Wrap(err error, path ...string) error {
	return fmt.Errorf("line %d: %w", p.Line(path...), err)
}
