// Package cli is what the commands share: reading items, printing lists in several formats, showing progress, exit statuses.
package cli

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"
)

// Format is how a list is printed.
type Format string

// The formats. A table is for people, cuts long cells and has no promise about its columns; the others are for programs.
const (
	Table  Format = "table"
	JSON   Format = "json"
	NDJSON Format = "ndjson"
	CSV    Format = "csv"
)

// Column is one column of a table and of CSV. JSON formats print the row itself.
type Column[T any] struct {
	Name string
	Text func(T) string
	Wide bool // too much for a table: CSV only
}

// Writer prints rows as they come, without keeping them.
type Writer[T any] struct {
	buf    *bufio.Writer
	format Format
	cols   []Column[T]
	tab    *tabwriter.Writer
	csv    *csv.Writer
	rows   int
}

// tableBlock is how many rows are aligned with each other, so that a long table needs no memory.
const tableBlock = 200

// NewWriter prints to w. Close must be called at the end.
func NewWriter[T any](w io.Writer, f Format, cols []Column[T]) *Writer[T] {
	out := &Writer[T]{buf: bufio.NewWriter(w), format: f}
	for _, c := range cols {
		if f == CSV || !c.Wide {
			out.cols = append(out.cols, c)
		}
	}
	switch f {
	case Table:
		out.tab = tabwriter.NewWriter(out.buf, 0, 0, 2, ' ', 0)
	case CSV:
		out.csv = csv.NewWriter(out.buf)
	}
	return out
}

// Write prints one row.
func (w *Writer[T]) Write(row T) error {
	if w.rows == 0 {
		if err := w.head(); err != nil {
			return err
		}
	}
	w.rows++
	switch w.format {
	case Table:
		if w.rows%tableBlock == 0 {
			if err := w.tab.Flush(); err != nil {
				return err
			}
		}
		return w.line(func(c Column[T]) string { return cell(c.Text(row)) })
	case CSV:
		return w.csv.Write(w.record(func(c Column[T]) string { return c.Text(row) }))
	default:
		data, err := oneLine(row)
		if err != nil {
			return fmt.Errorf("print: %w", err)
		}
		if w.format == JSON && w.rows > 1 {
			_, _ = w.buf.WriteString(",\n") // a bufio.Writer keeps its error for the next write
		}
		_, err = w.buf.Write(data)
		if w.format == NDJSON {
			err = w.buf.WriteByte('\n')
		}
		return err
	}
}

// oneLine is a value as JSON that people can read: <, > and &, which are in many URLs, are not escaped.
func oneLine(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// Flush makes visible what has been written, for lists that grow slowly.
func (w *Writer[T]) Flush() error {
	switch w.format {
	case Table:
		if err := w.tab.Flush(); err != nil {
			return err
		}
	case CSV:
		w.csv.Flush()
		if err := w.csv.Error(); err != nil {
			return err
		}
	}
	return w.buf.Flush()
}

// Close finishes the list. An empty one has its header, or is an empty array.
func (w *Writer[T]) Close() error {
	if w.rows == 0 {
		if err := w.head(); err != nil {
			return err
		}
	}
	if w.format == JSON {
		_, _ = w.buf.WriteString("]\n")
	}
	return w.Flush()
}

// All prints a whole sequence; most > 0 bounds the number of rows.
func (w *Writer[T]) All(rows iter.Seq2[T, error], most int) error {
	n := 0
	for row, err := range rows {
		if err != nil {
			_ = w.Flush()
			return err
		}
		if err := w.Write(row); err != nil {
			return err
		}
		if n++; n == most {
			break
		}
	}
	return w.Close()
}

func (w *Writer[T]) head() error {
	switch w.format {
	case Table:
		return w.line(func(c Column[T]) string { return strings.ToUpper(strings.ReplaceAll(c.Name, "_", " ")) })
	case CSV:
		return w.csv.Write(w.record(func(c Column[T]) string { return c.Name }))
	case JSON:
		return w.buf.WriteByte('[')
	}
	return nil
}

func (w *Writer[T]) record(text func(Column[T]) string) []string {
	r := make([]string, len(w.cols))
	for i, c := range w.cols {
		r[i] = text(c)
	}
	return r
}

func (w *Writer[T]) line(text func(Column[T]) string) error {
	_, err := io.WriteString(w.tab, strings.TrimRight(strings.Join(w.record(text), "\t"), "\t")+"\n")
	return err
}

const maxCell = 72

// cell makes a text safe for a terminal: what comes from outside may hold escape sequences and line breaks.
func cell(s string) string {
	if utf8.RuneCountInString(s) > maxCell {
		s = string([]rune(s)[:maxCell-1]) + "…"
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, s)
}

// WriteJSON prints one value as indented JSON.
func WriteJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
