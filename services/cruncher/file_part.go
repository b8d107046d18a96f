package cruncher

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Files opens regular files below folders that the operator lets items read. Its errors are verdicts.
type Files interface {
	Open(root, path string) (File, error)
}

// File is a file that is open.
type File interface {
	io.ReaderAt
	io.Closer
	Size() int64
	Modified() time.Time
	// Failed is the verdict on an error of reading it.
	Failed(err error) error
}

// maxLine is how far the end of a line is looked for.
const maxLine = 16 << 20

// filePart is the operation file.part: it hands one of so many parts of a file, all about as long, to the next step, which reads it where it
// is: no byte of it goes through the broker. With lines, a part begins with the first line that begins in it and has all of its last
// one, so that the parts together are the file. Arguments {"root": name, "path": string, "part": integer from 0, "parts": integer, "lines":
// boolean, true if absent}, value {"path", "part", "parts", "offset", "bytes", "size", "modified"}.
func filePart(files Files) ops.Op {
	return ops.Op{Name: "file.part", Check: checker(defaultPart), Run: func(ctx context.Context, in ops.Input) (ops.Output, error) {
		args, err := read(in, defaultPart)
		if err != nil {
			return ops.Output{}, err
		}
		switch {
		case args.Path == "":
			return ops.Output{}, missing(`file.part needs the argument "path", such as {"path": "2026/access.log"}`)
		case files == nil:
			return ops.Output{}, ops.Fail(events.ReasonForbiddenTarget, errors.New("file.part: this cruncher may read no files: its operator can name a folder with --read-root NAME=DIR"))
		}
		return args.take(ctx, files)
	}}
}

type partArgs struct {
	Root  string `json:"root"` // may be left out if there is only one
	Path  string `json:"path"`
	Part  int64  `json:"part"`
	Parts int64  `json:"parts"`
	Lines bool   `json:"lines"`
}

var defaultPart = partArgs{Parts: 1, Lines: true}

func (a *partArgs) check() error {
	if err := within("file.part", "parts", &a.Parts, 1, 1_000_000); err != nil {
		return err
	}
	return within("file.part", "part", &a.Part, 0, a.Parts-1)
}

// partValue is the value of the operation file.part.
type partValue struct {
	Path     string    `json:"path"`
	Part     int64     `json:"part"`
	Parts    int64     `json:"parts"`
	Offset   int64     `json:"offset"`
	Bytes    int64     `json:"bytes"`
	Size     int64     `json:"size"` // of the file
	Modified time.Time `json:"modified"`
}

func (a *partArgs) take(ctx context.Context, files Files) (ops.Output, error) {
	f, err := files.Open(a.Root, a.Path)
	if err != nil {
		return ops.Output{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	size := f.Size()
	begin, end := portion(size, a.Part, a.Parts), portion(size, a.Part+1, a.Parts)
	if a.Lines {
		if begin, err = lineFrom(ctx, f, begin, size); err != nil {
			return ops.Output{}, err
		}
		if end, err = lineFrom(ctx, f, end, size); err != nil {
			return ops.Output{}, err
		}
	}
	source := &ops.Source{Bytes: end - begin, Open: func(context.Context) (io.ReadCloser, error) {
		f, err := files.Open(a.Root, a.Path)
		if err != nil {
			return nil, err
		}
		return &partReader{SectionReader: io.NewSectionReader(f, begin, end-begin), file: f, left: end - begin}, nil
	}}
	return ops.Output{Source: source, Value: ops.JSON(partValue{
		Path: a.Path, Part: a.Part, Parts: a.Parts, Offset: begin, Bytes: end - begin, Size: size, Modified: f.Modified().UTC(),
	})}, nil
}

// portion is where part i of n begins in so many bytes.
func portion(size, i, n int64) int64 {
	high, low := bits.Mul64(uint64(size), uint64(i))
	quotient, _ := bits.Div64(high, low, uint64(n)) // i is at most n, so it is no more than size
	return int64(quotient)
}

// lineFrom is where the first line begins that begins at a place or after it: behind the first line end from the byte before.
func lineFrom(ctx context.Context, f File, at, size int64) (int64, error) {
	if at == 0 || at >= size {
		return min(at, size), nil
	}
	buffer := make([]byte, 64<<10)
	for from := at - 1; from < size; {
		if ctx.Err() != nil {
			return 0, interrupted(ctx, "file.part")
		}
		if from-at > maxLine {
			return 0, tooLarge("file.part: a line is longer than %d bytes: take parts that need not end with lines, with lines: false", maxLine)
		}
		n, err := f.ReadAt(buffer[:min(int64(len(buffer)), size-from)], from)
		if i := bytes.IndexByte(buffer[:n], '\n'); i >= 0 {
			return from + int64(i) + 1, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, f.Failed(err)
		}
		if n == 0 {
			return 0, shorter()
		}
		from += int64(n)
	}
	return size, nil
}

// partReader reads a part, and tells when the file has not so much any more.
type partReader struct {
	*io.SectionReader
	file File
	left int64
}

func (r *partReader) Read(p []byte) (int, error) {
	n, err := r.SectionReader.Read(p)
	r.left -= int64(n)
	switch {
	case errors.Is(err, io.EOF) && r.left > 0:
		return n, shorter()
	case err != nil && !errors.Is(err, io.EOF):
		return n, r.file.Failed(err)
	}
	return n, err
}

// Close closes the file.
func (r *partReader) Close() error { return r.file.Close() }

func shorter() error {
	return ops.Retry(events.ReasonStorage, fmt.Errorf("file.part: the file has become shorter while it was read"))
}
