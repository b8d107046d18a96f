package secret

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// maxBytes is how long a secret may be.
const maxBytes = 16 << 10

// Source is where the values of references come from.
type Source struct {
	// Getenv looks up a variable of the environment, as os.LookupEnv does.
	Getenv func(name string) (string, bool)
	// ReadFile reads a file, as Files does.
	ReadFile func(path string) ([]byte, error)
}

// System is the environment and the files of this process.
func System() Source { return Source{os.LookupEnv, readFile} }

// readFile reads no more than a secret may have, and one byte.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return io.ReadAll(io.LimitReader(f, maxBytes+1))
}

var (
	refRE = regexp.MustCompile(`\$\{[^}]*\}?`)
	// plainNameRE is how variables are usually called.
	plainNameRE = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`)
)

// Expand puts in what references in a text stand for, and returns all that is wrong with them, or with the whole. No fault quotes the
// text, as it may be a secret. A text that is wrong is not to be used.
func (s Source) Expand(text string) (string, []error) {
	var faults []error
	out := refRE.ReplaceAllStringFunc(text, func(ref string) string {
		value, err := s.resolve(ref)
		if err != nil {
			faults = append(faults, err)
		}
		return value
	})
	switch {
	case out == "":
		faults = append(faults, errors.New("it is empty"))
	case len(out) > maxBytes:
		faults = append(faults, fmt.Errorf("it has more than %d bytes", maxBytes))
	}
	return out, faults
}

func (s Source) resolve(ref string) (string, error) {
	name, closed := strings.CutSuffix(strings.TrimPrefix(ref, "${"), "}")
	if !closed || name == "" {
		return "", errors.New("there is a ${ that does not end: write ${NAME} or ${file:PATH}")
	}
	if path, ok := strings.CutPrefix(name, "file:"); ok {
		data, err := s.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("a file that it names cannot be read: %w", err)
		}
		text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
		if text == "" {
			return "", fmt.Errorf("the file %s that it names is empty", path)
		}
		return text, nil
	}
	value, ok := s.Getenv(name)
	if !ok || value == "" {
		if !plainNameRE.MatchString(name) {
			name = "that it names" // it may be a secret that was put in the braces by mistake
		}
		return "", fmt.Errorf("the environment variable %s is not set", name)
	}
	return value, nil
}
