// Package parquetfile writes results as Apache Parquet, the format of columns that tools for data read.
package parquetfile

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// row is a result in columns. A column that a result has nothing for is null. Values and facts are JSON, whose members differ from recipe
// to recipe; what is asked for most of the facts has columns of its own.
type row struct {
	ID             string     `parquet:"id"`
	Recipe         string     `parquet:"recipe,dict"`
	Batch          *string    `parquet:"batch,dict"`
	Index          int64      `parquet:"index"`
	Key            string     `parquet:"key"`
	Host           *string    `parquet:"host,dict"`
	Status         string     `parquet:"status,dict"`
	Reason         *string    `parquet:"reason,dict"`
	Error          *string    `parquet:"error"`
	Attempts       int32      `parquet:"attempts"`
	Value          *string    `parquet:"value,json"`
	FetchStatus    *int32     `parquet:"fetch_status"`
	FetchBytes     *int64     `parquet:"fetch_bytes"`
	FetchElapsedMS *float64   `parquet:"fetch_elapsed_ms"`
	Fetch          *string    `parquet:"fetch,json"`
	Submitted      *time.Time `parquet:"submitted,timestamp(microsecond)"`
	Finished       *time.Time `parquet:"finished,timestamp(microsecond)"`
}

// Bounds of a row group, which is what is in memory at a time.
const (
	groupRows  = 100_000
	groupBytes = 32 << 20
)

// Writer writes results one after the other. Close must be called at the end: before it there is no file that can be read.
type Writer struct {
	out   *parquet.GenericWriter[row]
	rows  int // in the group
	bytes int
}

// NewWriter writes to w.
func NewWriter(w io.Writer) *Writer {
	return &Writer{out: parquet.NewGenericWriter[row](w, parquet.Compression(&zstd.Codec{}), parquet.CreatedBy("fetchmill", "", ""))}
}

// Write adds a result.
func (w *Writer) Write(r events.Result) error {
	columns, err := columnsOf(&r)
	if err != nil {
		return err
	}
	if _, err := w.out.Write([]row{columns}); err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	w.rows++
	w.bytes += len(r.ID) + len(r.Key) + len(r.Error) + len(r.Value) + 200
	if w.rows < groupRows && w.bytes < groupBytes {
		return nil
	}
	w.rows, w.bytes = 0, 0
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	return nil
}

// Close finishes the file, which may have no rows.
func (w *Writer) Close() error {
	if err := w.out.Close(); err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	return nil
}

func columnsOf(r *events.Result) (row, error) {
	c := row{
		ID: r.ID, Recipe: r.Recipe, Batch: unlessEmpty(r.Batch), Index: r.Index, Key: r.Key, Host: unlessEmpty(r.Host()), Status: string(r.Status),
		Reason: unlessEmpty(string(r.Reason)), Error: unlessEmpty(r.Error), Attempts: int32(r.Attempts), Value: unlessEmpty(string(r.Value)),
		Submitted: unlessZero(r.Submitted), Finished: unlessZero(r.Finished),
	}
	if r.Fetch == nil {
		return c, nil
	}
	text, err := json.Marshal(r.Fetch)
	if err != nil {
		return c, fmt.Errorf("fetch of result %s: %w", r.ID, err)
	}
	status := int32(r.Fetch.Status)
	c.FetchStatus, c.FetchBytes, c.FetchElapsedMS, c.Fetch = &status, &r.Fetch.Bytes, &r.Fetch.ElapsedMS, unlessEmpty(string(text))
	return c, nil
}

func unlessEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
