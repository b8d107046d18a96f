package fetcher

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/files"
)

type fileWriteArgs struct {
	Root   string          `json:"root"`   // may be left out if there is only one that may be written
	Path   string          `json:"path"`   // may have the places {n} and {id}
	Text   *string         `json:"text"`   // to write as it is
	JSON   json.RawMessage `json:"json"`   // to write as one line of JSON
	Base64 *string         `json:"base64"` // to decode and write
}

// fileWriteValue is what file.write yields.
type fileWriteValue struct {
	Root    string    `json:"root"`
	Path    string    `json:"path"`
	Bytes   int64     `json:"bytes"`
	SHA256  string    `json:"sha256"`
	Written time.Time `json:"written"`
}

// fileWrite writes a file below a root. Without text, json and base64 it is what the steps before have made: their body, or else their
// value. A file of that name is replaced, so that doing it twice is the same as doing it once.
func (n *Network) fileWrite() ops.Op {
	return ops.Op{Name: "file.write", Run: func(ctx context.Context, in ops.Input) (ops.Output, error) {
		var args fileWriteArgs
		if err := in.Args(&args); err != nil {
			return ops.Output{}, err
		}
		if args.Path == "" {
			return ops.Output{}, ops.Fail(events.ReasonMissingParameter, errors.New("path is missing: name a file below the root, such as 2026/report{n}.txt"))
		}
		name, err := files.Expand(args.Path, files.Vars{Index: in.Index, ID: in.ID, Name: in.ID})
		if err != nil {
			return ops.Output{}, err
		}
		content, err := args.content(ctx, in)
		if err != nil {
			return ops.Output{}, err
		}
		defer func() { _ = content.Close() }()
		return n.writeFile(ctx, args.Root, name, content)
	}}
}

// content opens what is to be written.
func (a fileWriteArgs) content(ctx context.Context, in ops.Input) (io.ReadCloser, error) {
	given := 0
	for _, is := range []bool{a.Text != nil, a.JSON != nil, a.Base64 != nil} {
		if is {
			given++
		}
	}
	if given > 1 {
		return nil, ops.Fail(events.ReasonInvalidParameter, errors.New("text, json and base64 exclude each other: give one of them"))
	}
	switch {
	case a.Text != nil:
		return io.NopCloser(strings.NewReader(*a.Text)), nil
	case a.JSON != nil:
		return line(a.JSON), nil
	case a.Base64 != nil:
		data, err := base64.StdEncoding.DecodeString(*a.Base64)
		if err != nil {
			return nil, ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("base64: %w; write the standard alphabet with padding", err))
		}
		return io.NopCloser(bytes.NewReader(data)), nil
	case in.BodyRef != nil, len(in.Body) > 0:
		return in.Open(ctx)
	case in.Value != nil:
		return line(in.Value), nil
	default:
		return nil, ops.Fail(events.ReasonMissingParameter, errors.New("there is nothing to write: give text, json or base64"))
	}
}

// line is a JSON value on a line of its own.
func line(raw json.RawMessage) io.ReadCloser {
	var b bytes.Buffer
	_ = json.Compact(&b, raw) // it was decoded, so it is JSON
	b.WriteByte('\n')
	return io.NopCloser(&b)
}

func (n *Network) writeFile(ctx context.Context, root, name string, content io.Reader) (ops.Output, error) {
	start := time.Now()
	w, err := n.cfg.Files.Create(root, name)
	if err != nil {
		return ops.Output{}, err
	}
	defer w.Abort()
	if _, err := io.Copy(w, contextReader{ctx, content}); err != nil {
		if _, judged := errors.AsType[*ops.Failure](err); !judged && ctx.Err() == nil {
			err = ops.Retry(events.ReasonStorage, fmt.Errorf("read the body of the step before: %w", err))
		}
		return ops.Output{}, err
	}
	done, err := w.Commit()
	if err != nil {
		return ops.Output{}, err
	}
	return ops.Output{
		Value: ops.JSON(fileWriteValue{Root: done.Root, Path: name, Bytes: done.Bytes, SHA256: done.SHA256, Written: done.Time}),
		Fetch: &events.FetchFacts{Bytes: done.Bytes, ElapsedMS: float64(time.Since(start).Microseconds()) / 1000},
	}, nil
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context //nolint:containedctx // it lives as long as one copy
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
