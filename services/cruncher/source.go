package cruncher

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// source is the stream that an operation on bytes works on. It stops when the context ends, and keeps the verdict of a read that
// failed, because the decoders above it make errors of their own out of that.
type source struct {
	from    io.ReadCloser
	bytes   int64 // read so far
	verdict error
	judge   func(error) error // nil for no error
}

// open opens the body handed over by the step before, or else the value so far: the text of it if it is a JSON string, and the JSON
// as it is if not. what names the operation in errors. The caller closes it.
func open(ctx context.Context, in ops.Input, what string) (*source, error) {
	from, err := openInput(ctx, in)
	if err != nil {
		return nil, err
	}
	return &source{from: from, judge: func(err error) error {
		if err == nil && ctx.Err() == nil {
			return nil
		}
		return unread(ctx, what, err)
	}}, nil
}

func openInput(ctx context.Context, in ops.Input) (io.ReadCloser, error) {
	if in.HasBody() || len(in.Value) == 0 {
		return in.Open(ctx)
	}
	data := []byte(in.Value)
	if data[0] == '"' {
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return nil, ops.Fail(events.ReasonComputation, fmt.Errorf("the value is not JSON: %w", err))
		}
		data = []byte(text)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (s *source) Read(p []byte) (int, error) {
	if s.verdict == nil {
		s.verdict = s.judge(nil)
	}
	if s.verdict != nil {
		return 0, s.verdict
	}
	n, err := s.from.Read(p)
	s.bytes += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.verdict = s.judge(err)
		return n, s.verdict
	}
	return n, err
}

// Close closes the stream.
func (s *source) Close() error { return s.from.Close() }

// because returns the verdict of the stream if it is what made err, and else err as a fault in what was read.
func (s *source) because(err error) error {
	if s.verdict != nil {
		return s.verdict
	}
	if _, classified := errors.AsType[*ops.Failure](err); classified {
		return err
	}
	return ops.Fail(events.ReasonComputation, err)
}

// whole reads all of the stream, at most so many bytes.
func (s *source) whole(what string, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(s, most+1))
	if err != nil {
		return nil, s.because(err)
	}
	if int64(len(data)) > most {
		return nil, ops.Fail(events.ReasonTooLarge, fmt.Errorf("%s: the body is larger than %d bytes, the most that is read: fetch a smaller one", what, most))
	}
	return data, nil
}
