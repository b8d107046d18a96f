package programs

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Call is what a program is asked.
type Call struct {
	Item  string          // its id
	Args  json.RawMessage // nil if none
	Value json.RawMessage // nil if none
	// Body opens bytes that go along, nil if there are none. What it yields is read as it is sent.
	Body func() (io.ReadCloser, error)
	Size int64 // of Body in bytes
}

// request is a line to a program. The id comes first, so that even a program that cannot read JSON finds it.
type request struct {
	ID    uint64          `json:"id"`
	Item  string          `json:"item,omitempty"`
	Args  json.RawMessage `json:"args,omitempty"`
	Value json.RawMessage `json:"value,omitempty"`
}

// write writes the line of a call. The body is not held in memory.
func (c Call) write(w io.Writer, id uint64, maxBody int64) error {
	line, err := json.Marshal(request{ID: id, Item: c.Item, Args: c.Args, Value: c.Value})
	if err != nil {
		return &unsendable{fmt.Errorf("encode the request: %w", err)}
	}
	if c.Body == nil {
		_, err = w.Write(append(line, '\n'))
		return err
	}
	body, err := c.Body()
	if err != nil {
		return &unsendable{err}
	}
	defer func() { _ = body.Close() }()   // it was only read
	out := bufio.NewWriterSize(w, 64<<10) // as much as a pipe holds
	if _, err := out.Write(append(line[:len(line)-1], `,"body":"`...)); err != nil {
		return err
	}
	enc := base64.NewEncoder(base64.StdEncoding, out)
	from := &remembering{from: io.LimitReader(body, maxBody+1)}
	n, err := io.Copy(enc, from)
	switch {
	case from.err != nil:
		return &unsendable{fmt.Errorf("read the body: %w", from.err)}
	case err != nil:
		return err
	case n > maxBody:
		return &unsendable{errTooMuchBody}
	}
	if err := enc.Close(); err != nil {
		return err
	}
	if _, err := out.WriteString("\"}\n"); err != nil {
		return err
	}
	return out.Flush()
}

// errTooMuchBody means that a body has more bytes than was said.
var errTooMuchBody = errors.New("the body is larger than max_input")

// unsendable is an error that is not the program's.
type unsendable struct{ error }

func (u *unsendable) Unwrap() error { return u.error }

// remembering tells an error of reading from one of writing.
type remembering struct {
	from io.Reader
	err  error
}

func (r *remembering) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// answer is a line from a program.
type answer struct {
	ID        *uint64         `json:"id"`
	Value     json.RawMessage `json:"value"`
	Body      []byte          `json:"body"`
	Error     *string         `json:"error"`
	Traceback string          `json:"traceback"`
	Retry     bool            `json:"retry"`
	Reason    events.Reason   `json:"reason"`
}

// maxDepth bounds the nesting of values, so that nothing further down the line stumbles over it.
const maxDepth = 500

// claimable are the reasons that a program may give: those of faults that are not the pipeline's own.
func claimable() []events.Reason {
	return []events.Reason{
		events.ReasonBadInput, events.ReasonMissingParameter, events.ReasonInvalidParameter, events.ReasonComputation,
		events.ReasonNotFound, events.ReasonTooLarge, events.ReasonTimeout, events.ReasonDNS, events.ReasonConnect, events.ReasonTLS,
		events.ReasonHTTPStatus, events.ReasonProtocol, events.ReasonStorage, events.ReasonQuery, events.ReasonForbiddenTarget,
	}
}

// decodeAnswer reads the answer to request id. An error says in which way the line is none.
func decodeAnswer(line []byte, id uint64) (answer, error) {
	var a answer
	if !utf8.Valid(line) {
		return a, errors.New("it is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&a); err != nil {
		return a, fmt.Errorf("it is not the JSON that was expected: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return a, errors.New("there is more after the object")
	}
	switch {
	case a.ID == nil:
		return a, errors.New("it has no id")
	case *a.ID != id:
		return a, fmt.Errorf("it has the id %d, and %d was asked", *a.ID, id)
	case a.Error == nil && (a.Retry || a.Reason != "" || a.Traceback != ""):
		return a, errors.New("retry, reason and traceback need an error")
	case a.Reason != "" && !slices.Contains(claimable(), a.Reason):
		return a, fmt.Errorf("the reason %.40q is none that a program can give: use one of %v", a.Reason, claimable())
	case depth(a.Value) > maxDepth:
		return a, fmt.Errorf("the value is nested more than %d levels deep", maxDepth)
	}
	return a, nil
}

// depth is how deep arrays and objects of a JSON value are nested.
func depth(value []byte) int {
	var now, most int
	inText := false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			now++
			most = max(most, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return most
}

// decodeReady tells whether a line says that a program is ready.
func decodeReady(line []byte) bool {
	var ready struct {
		Ready bool `json:"ready"`
	}
	return json.Unmarshal(line, &ready) == nil && ready.Ready
}

// quote shows the beginning of what a program has printed.
func quote(text []byte) string {
	const most = 100
	s := strings.ToValidUTF8(string(text[:min(len(text), most)]), "\ufffd")
	if len(text) > most {
		return fmt.Sprintf("%q…", s)
	}
	return fmt.Sprintf("%q", s)
}
