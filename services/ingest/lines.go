package ingest

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// line is one item of a body with many. It is valid until the next one is read.
type line struct {
	line  int64 // from 1, as editors count
	index int64 // from 0: the place of the item; lines without an item count too, except in CSV
	input events.Input
	err   error // the item cannot be read, but the next one can
}

// lineReader reads one item after the other, io.EOF after the last. Other errors are final too.
type lineReader interface{ next() (line, error) }

// lineContext is what applies to all lines of a request.
type lineContext struct {
	header   map[string][]string
	defaults events.Input
	at       time.Time
	recipe   *recipe.Recipe
}

// textInput is the input of a line that is a plain text or has been turned into parameters.
func (c lineContext) textInput() events.Input {
	in := c.defaults
	in.Key = ""
	return in
}

type openReader func(io.Reader, lineContext) (lineReader, error)

// readerFor returns how a body with many items is read, or nil if the content type is not one of many items.
func readerFor(contentType string, asLines bool) openReader {
	switch contentType {
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines":
		return openJSON
	case "text/csv":
		return openCSV
	case "text/uri-list":
		return openURIs
	case "", "text/plain", "application/x-www-form-urlencoded":
		if asLines {
			return openText
		}
	}
	return nil
}

// splitter reads a body line by line and makes an input of each.
type splitter struct {
	buf     *bufio.Reader
	line    int64
	comment string // lines that begin so are skipped
	parse   func([]byte) (events.Input, error)
}

func newSplitter(r io.Reader, parse func([]byte) (events.Input, error)) *splitter {
	return &splitter{buf: bufio.NewReaderSize(r, maxLineBytes+len("\r\n")), parse: parse}
}

// openJSON reads NDJSON: each line is what a message could be, usually a JSON object of parameters.
func openJSON(r io.Reader, c lineContext) (lineReader, error) {
	return newSplitter(r, func(b []byte) (events.Input, error) { return events.ParseInput(c.header, b, c.at) }), nil
}

// openText reads lines of text: each is the recipe's primary parameter.
func openText(r io.Reader, c lineContext) (lineReader, error) { return newText(r, c), nil }

func newText(r io.Reader, c lineContext) *splitter {
	return newSplitter(r, func(b []byte) (events.Input, error) {
		in := c.textInput()
		if !utf8.Valid(b) {
			return in, errors.New("the line is not UTF-8 text")
		}
		in.Text = string(b)
		return in, nil
	})
}

// openURIs reads a list of addresses, in which lines that begin with # are comments (RFC 2483, section 5).
func openURIs(r io.Reader, c lineContext) (lineReader, error) {
	lines := newText(r, c)
	lines.comment = "#"
	return lines, nil
}

func (s *splitter) next() (line, error) {
	for {
		raw, tooLong, err := s.read()
		if err != nil {
			return line{}, err
		}
		s.line++
		l := line{line: s.line, index: s.line - 1}
		if tooLong {
			l.err = &Refusal{events.ReasonTooLarge, fmt.Errorf("the line has more than %d bytes", maxLineBytes)}
			return l, nil
		}
		if s.line == 1 {
			raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
		}
		raw = bytes.TrimSpace(raw)
		if len(raw) == 0 || s.comment != "" && bytes.HasPrefix(raw, []byte(s.comment)) {
			continue
		}
		if l.input, err = s.parse(raw); err != nil {
			l.err = &Refusal{events.ReasonBadInput, err}
		}
		return l, nil
	}
}

// read returns the next line without its end. Of one that is too long it returns some part.
func (s *splitter) read() (raw []byte, tooLong bool, err error) {
	for {
		raw, err = s.buf.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) {
			break
		}
		tooLong = true
	}
	switch {
	case err == nil, errors.Is(err, io.EOF) && (len(raw) > 0 || tooLong):
		raw = bytes.TrimRight(raw, "\r\n")
		return raw, tooLong || len(raw) > maxLineBytes, nil
	case errors.Is(err, io.EOF):
		return nil, false, io.EOF
	default:
		return nil, false, unreadable(err)
	}
}

func unreadable(err error) error {
	return &Refusal{events.ReasonBadInput, fmt.Errorf("the body could not be read to its end: %w", err)}
}

// table reads CSV (RFC 4180) whose first row names the parameters.
type table struct {
	csv     *csv.Reader
	limit   *recordLimit
	names   []string
	context lineContext
	index   int64
}

func openCSV(r io.Reader, c lineContext) (lineReader, error) {
	limit := &recordLimit{from: r}
	t := &table{csv: csv.NewReader(limit), limit: limit, context: c}
	t.csv.ReuseRecord = true
	head, err := t.record()
	if errors.Is(err, io.EOF) {
		return nil, &Refusal{events.ReasonBadInput, errors.New("the table is empty: its first row names the parameters")}
	}
	if err != nil {
		return nil, &Refusal{tableReason(err), fmt.Errorf("the first row, which names the parameters, cannot be read: %w", err)}
	}
	for _, name := range head {
		t.names = append(t.names, strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
	}
	// A wrong name would reject every row.
	if _, err := c.recipe.ParamsFromText(t.names, nil); err != nil {
		return nil, &Refusal{events.ReasonInvalidParameter, err}
	}
	return t, nil
}

func (t *table) record() ([]string, error) {
	t.limit.left = maxLineBytes
	return t.csv.Read()
}

func (t *table) next() (line, error) {
	record, err := t.record()
	if errors.Is(err, io.EOF) {
		return line{}, io.EOF
	}
	l := line{index: t.index, input: t.context.textInput()}
	t.index++
	if p, ok := errors.AsType[*csv.ParseError](err); ok {
		l.line, l.err = int64(p.StartLine), &Refusal{events.ReasonBadInput, fmt.Errorf("the row is not CSV: %w", err)}
		return l, nil
	}
	if err != nil {
		if errors.Is(err, errRecordTooLong) {
			return line{}, &Refusal{events.ReasonTooLarge, err}
		}
		return line{}, unreadable(err)
	}
	start, _ := t.csv.FieldPos(0)
	l.line = int64(start)
	for _, cell := range record {
		if !utf8.ValidString(cell) {
			l.err = &Refusal{events.ReasonBadInput, errors.New("the row is not UTF-8 text")}
			return l, nil
		}
	}
	if l.input.Params, err = t.context.recipe.ParamsFromText(t.names, record); err != nil {
		l.err = &Refusal{events.ReasonInvalidParameter, err}
	}
	return l, nil
}

func tableReason(err error) events.Reason {
	if errors.Is(err, errRecordTooLong) {
		return events.ReasonTooLarge
	}
	return events.ReasonBadInput
}

var errRecordTooLong = fmt.Errorf("a row has more than %d bytes: perhaps a quotation mark is not closed", maxLineBytes)

// recordLimit bounds what is read for one row; left is set anew before each.
type recordLimit struct {
	from io.Reader
	left int
}

func (l *recordLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errRecordTooLong
	}
	n, err := l.from.Read(p)
	l.left -= n
	return n, err
}
