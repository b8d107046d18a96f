package cruncher

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/fetchmill/fetchmill/internal/expression"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// maxElementBytes bounds what is in memory at once of a JSON document.
const maxElementBytes = 16 << 20

// elementReader reads a JSON document: the elements of a list one after the other, or the whole if it is no list.
type elementReader struct {
	list bool // whether the document is a list
	what string
	src  *source
	dec  *json.Decoder
	left int64 // bytes that may be read for the element under way
	from *bufio.Reader
	err  error
	ends bool // the document is at its end
}

func newElementReader(src *source, what string) *elementReader {
	e := &elementReader{what: what, src: src, from: bufio.NewReaderSize(src, 32<<10)}
	if mark, _ := e.from.Peek(3); string(mark) == "\xef\xbb\xbf" {
		_, e.err = e.from.Discard(3)
	}
	e.dec = json.NewDecoder(e)
	e.dec.UseNumber()
	e.left = maxElementBytes
	for {
		b, err := e.from.Peek(1)
		if err != nil || !bytes.ContainsAny(b, " \t\r\n[") {
			return e
		}
		if b[0] == '[' {
			e.list = true
			_, e.err = e.dec.Token()
			return e
		}
		_, e.err = e.from.Discard(1)
	}
}

// Read hands bytes to the decoder, as many as an element may have.
func (e *elementReader) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, tooLarge("%s: an element of the document is larger than %d bytes: make it a list of smaller ones", e.what, maxElementBytes)
	}
	n, err := e.from.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	return n, err
}

// next returns the next element, or io.EOF after the last. Its other errors are verdicts.
func (e *elementReader) next() (any, error) {
	if e.err != nil {
		return nil, e.fault(e.err)
	}
	if e.ends || e.list && !e.dec.More() {
		return nil, e.end()
	}
	var v any
	if err := e.dec.Decode(&v); err != nil {
		if errors.Is(err, io.EOF) && !e.list {
			return nil, io.EOF
		}
		return nil, e.fault(err)
	}
	e.ends = !e.list
	e.left = maxElementBytes
	v, err := expression.Numbers(v)
	if err != nil {
		return nil, e.fault(err)
	}
	return v, nil
}

// end makes sure that nothing follows the document.
func (e *elementReader) end() error {
	if e.list {
		if _, err := e.dec.Token(); err != nil {
			return e.fault(err)
		}
	}
	_, err := e.dec.Token()
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case err != nil && e.src.verdict != nil:
		return e.src.verdict
	}
	return ops.Fail(events.ReasonComputation, fmt.Errorf("%s: there is more than one JSON document: the second begins before byte %d", e.what, e.dec.InputOffset()+1))
}

func (e *elementReader) fault(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return e.src.because(fmt.Errorf("%s: the body is not JSON: at byte %d: %w", e.what, e.dec.InputOffset(), err))
}
