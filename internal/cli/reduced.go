package cli

import (
	"io"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// ReducedRow is a line about a reduction: its answer, or that for one of its keys.
type ReducedRow struct {
	Name, Key, Value, Note string
	Count                  int64
}

// ReducedColumns are the columns of answers of reductions.
func ReducedColumns() []Column[ReducedRow] {
	return []Column[ReducedRow]{
		{Name: "reduction", Text: func(r ReducedRow) string { return r.Name }},
		{Name: "key", Text: func(r ReducedRow) string { return r.Key }},
		{Name: "answer", Text: func(r ReducedRow) string { return r.Value }},
		{Name: "of", Text: func(r ReducedRow) string { return integer(r.Count) }},
		{Name: "note", Text: func(r ReducedRow) string { return r.Note }},
	}
}

// ReducedRows makes lines of answers.
func ReducedRows(list []events.Reduced) []ReducedRow {
	var rows []ReducedRow
	add := func(name, key string, v events.ReducedValue, note string) {
		if v.Estimate && note == "" {
			note = "estimate"
		}
		rows = append(rows, ReducedRow{name, key, string(v.Value), note, v.Count})
	}
	for _, r := range list {
		if r.By == "" {
			add(r.Name, "", r.ReducedValue, "")
		}
		for _, k := range r.Keys {
			add(r.Name, k.Key, k.ReducedValue, "")
		}
		if r.LeftOut > 0 {
			add(r.Name, "", events.ReducedValue{}, integer(int64(r.LeftOut))+" more keys")
		}
		if r.Others != nil {
			add(r.Name, "", *r.Others, "others, beyond the bound")
		}
		if r.Skipped > 0 {
			rows = append(rows, ReducedRow{Name: r.Name, Count: r.Skipped, Note: "skipped: no such value or key"})
		}
	}
	return rows
}

// WriteReduced prints answers as a table after an empty line, if there are any.
func WriteReduced(w io.Writer, list []events.Reduced) error {
	if len(list) == 0 {
		return nil
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return err
	}
	return NewWriter(w, Table, ReducedColumns()).All(Each(ReducedRows(list)), 0)
}
