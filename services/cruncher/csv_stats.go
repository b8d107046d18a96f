package cruncher

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

const (
	maxRecordBytes = 1 << 20
	maxColumns     = 1_000
	maxColumnName  = 100 // characters that are told of it
)

// CSVStats returns the operation csv.stats: what is in the columns of a table in CSV (RFC 4180), which is the body handed over by the step
// before or the value so far. It is read as a stream, record by record. Arguments {"delimiter": one character, "," if absent; "header":
// boolean, true if absent; "columns": [name…], all if absent}. Without a header columns are called "1", "2" and so on.
//
// Value {"rows", "columns": [{"name", "type", "count", "empty", "distinct", "distinct_more", "min", "max", "mean", "stddev"}…]}: count is
// of the cells that are not empty; type is integer, number, boolean, date (of RFC 3339), text, or empty; distinct is exact until
// distinct_more is true, and then how many were told apart; the last four are of integers and numbers, stddev being that of a sample.
// A record with another number of cells than the first, or with wrong quotes, fails the item with the number of its line.
func CSVStats() ops.Op {
	return ops.Op{Name: "csv.stats", Run: csvStats, Check: checker(defaultCSV)}
}

var defaultCSV = csvArgs{Delimiter: ",", Header: true}

type csvArgs struct {
	Delimiter string   `json:"delimiter"`
	Header    bool     `json:"header"`
	Columns   []string `json:"columns"`
}

func (a *csvArgs) check() error {
	r, size := utf8.DecodeRuneInString(a.Delimiter)
	if size == 0 || size != len(a.Delimiter) || r == utf8.RuneError || strings.ContainsRune("\"\r\n\ufeff\x00", r) {
		return invalid("csv.stats: delimiter %.20q: use one character, such as \",\" or \";\" or \"\\t\"", a.Delimiter)
	}
	if len(a.Columns) > maxColumns {
		return invalid("csv.stats: %d columns: name at most %d", len(a.Columns), maxColumns)
	}
	return nil
}

// csvValue is the value of the operation csv.stats.
type csvValue struct {
	Rows    int64     `json:"rows"`
	Columns []*column `json:"columns"`
}

func csvStats(ctx context.Context, in ops.Input) (ops.Output, error) {
	args, err := read(in, defaultCSV)
	if err != nil {
		return ops.Output{}, err
	}
	src, err := open(ctx, in, "csv.stats")
	if err != nil {
		return ops.Output{}, err
	}
	defer func() { _ = src.Close() }()
	value, err := readTable(src, args, in.Reserve)
	if err != nil {
		return ops.Output{}, err
	}
	for _, c := range value.Columns {
		c.finish()
	}
	raw := ops.JSON(value)
	if len(raw) > maxOutputBytes {
		return ops.Output{}, tooLarge("csv.stats: what is known of %d columns has %d bytes, and at most %d travel on: name fewer columns", len(value.Columns), len(raw), maxOutputBytes)
	}
	return ops.Output{Value: raw}, nil
}

// recordReader hands bytes on, as many as a record may have.
type recordReader struct {
	from *bufio.Reader
	left int
}

var errRecord = tooLarge("csv.stats: a record is longer than %d bytes: is there a quote that is never closed?", maxRecordBytes)

func (r *recordReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errRecord
	}
	n, err := r.from.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

func readTable(src *source, args csvArgs, reserve func(bytes int64) error) (csvValue, error) {
	value := csvValue{Columns: []*column{}}
	bounded := &recordReader{from: bufio.NewReader(src), left: maxRecordBytes}
	if mark, _ := bounded.from.Peek(3); string(mark) == "\xef\xbb\xbf" {
		if _, err := bounded.from.Discard(3); err != nil {
			return value, src.because(err)
		}
	}
	r := csv.NewReader(bounded)
	r.Comma, _ = utf8.DecodeRuneInString(args.Delimiter)
	r.ReuseRecord = true
	var wanted []*column // by place, nil if not wanted
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return value, nil
		}
		if err != nil {
			return value, src.because(fmt.Errorf("csv.stats: %w", err))
		}
		bounded.left = maxRecordBytes
		if wanted == nil {
			if value.Columns, wanted, err = makeColumns(record, args); err != nil {
				return value, err
			}
			if err := reserve(maxRecordBytes + columnBytes(value.Columns)); err != nil {
				return value, err
			}
			if args.Header {
				continue
			}
		}
		value.Rows++
		for i, cell := range record {
			if wanted[i] != nil {
				wanted[i].add(cell)
			}
		}
	}
}

// columnBytes is how much memory columns take at most.
func columnBytes(list []*column) int64 {
	const hash = 24 // bytes of a place in the map, and of what it leaves free when it grows
	var n int64
	for _, c := range list {
		n += int64(hash * c.most)
	}
	return n
}

// makeColumns makes the columns of a table from its first record.
func makeColumns(record []string, args csvArgs) (list, byPlace []*column, err error) {
	if len(record) > maxColumns {
		return nil, nil, tooLarge("csv.stats: there are %d columns, and at most %d can be described: is %q the delimiter?", len(record), maxColumns, args.Delimiter)
	}
	byPlace = make([]*column, len(record))
	names := make([]string, len(record))
	list = []*column{}
	for i, name := range record {
		if !args.Header {
			name = strconv.Itoa(i + 1)
		}
		name = strings.ToValidUTF8(strings.TrimSpace(name), "\ufffd")
		names[i] = name
		if args.Columns == nil || slices.Contains(args.Columns, name) {
			byPlace[i] = newColumn(name, len(record))
			list = append(list, byPlace[i])
		}
	}
	for _, name := range args.Columns {
		if !slices.Contains(names, name) {
			return nil, nil, ops.Fail(events.ReasonComputation, fmt.Errorf("csv.stats: there is no column %.60q: there are %.200q", name, names))
		}
	}
	return list, byPlace, nil
}
