// Package yamldoc reads YAML that people write: one document, no unknown fields, and every error with its line.
package yamldoc

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

var (
	// ErrEmpty means that there is no document.
	ErrEmpty = errors.New("it is empty")
	// ErrSeveral means that there is more than one document.
	ErrSeveral = errors.New("there is more than one document")
)

// Decode reads the one document of data twice: as a tree, which knows lines and order, and as v, which knows what is allowed. Types that v
// is made of have names that end in "document", so that they can be kept out of the messages.
func Decode(data []byte, v any) (Position, error) {
	at := Position{new(yaml.Node)}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(at.root); err != nil {
		if errors.Is(err, io.EOF) {
			return at, ErrEmpty
		}
		return at, plain(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return at, ErrSeveral
	}
	dec = yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	return at, plain(dec.Decode(v))
}

var goType = regexp.MustCompile(` (in|into) (type )?\S*[Dd]ocument\b`)

// plain takes the names of Go types out of the parser's messages.
func plain(err error) error {
	var many *yaml.TypeError
	if !errors.As(err, &many) {
		return err
	}
	lines := make([]string, len(many.Errors))
	for i, l := range many.Errors {
		lines[i] = goType.ReplaceAllString(l, "")
	}
	return errors.New(strings.Join(lines, "; "))
}
