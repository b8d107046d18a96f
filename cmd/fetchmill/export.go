package main

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/internal/parquetfile"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// formatParquet is a format of results only, and of files only.
const formatParquet cli.Format = "parquet"

// exportTo writes results into a file, which is there only once it is whole.
func exportTo(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err := errors.Join(write(f), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// writeParquet writes a whole sequence; most > 0 bounds the number of rows.
func writeParquet(w io.Writer, rows iter.Seq2[events.Result, error], most int) error {
	out, n := parquetfile.NewWriter(w), 0
	for r, err := range rows {
		if err != nil {
			return err
		}
		if err := out.Write(r); err != nil {
			return err
		}
		if n++; n == most {
			break
		}
	}
	return out.Close()
}
