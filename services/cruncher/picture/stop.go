package picture

import (
	"bytes"
	"context"
	"errors"
	"io"
)

// untilDone reads until the context ends, so that a decoder stops soon after.
type untilDone struct {
	ctx context.Context //nolint:containedctx // it is made for one call, and io.Reader has no place for it
	r   *bytes.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.r.Read(p[:min(len(p), 4<<10)])
}

// sink is what an encoder writes to. Encoders go through all pixels even when writing fails, so it ends them by a panic, which
// encoding recovers.
type sink struct {
	ctx context.Context //nolint:containedctx // as above
	buf bytes.Buffer
}

// stopped is the value of that panic.
type stopped struct{ err error }

func (s *sink) Write(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		panic(stopped{context.Cause(s.ctx)})
	}
	if s.buf.Len()+len(p) > MaxBytes {
		panic(stopped{tooLarge("the image becomes larger than %d bytes: make it smaller, or use JPEG", MaxBytes)})
	}
	return s.buf.Write(p)
}

// encoding runs an encoder and returns what it has written.
func encoding(ctx context.Context, encode func(io.Writer) error) (data []byte, err error) {
	out := sink{ctx: ctx}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case stopped:
			data, err = nil, r.err
		default:
			panic(r)
		}
	}()
	if err := encode(&out); err != nil {
		return nil, err
	}
	return out.buf.Bytes(), nil
}

func cutOff(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) }

// pace looks at the context after so many pixels: about half a millisecond.
type pace struct {
	ctx  context.Context //nolint:containedctx // as above
	done int
}

func (p *pace) did(pixels int) error {
	const between = 1 << 18
	if p.done += pixels; p.done < between {
		return nil
	}
	p.done = 0
	if p.ctx.Err() != nil {
		return context.Cause(p.ctx)
	}
	return nil
}

// rowsOf is how many rows of a width make a band between two looks at the context.
func rowsOf(width int) int { return max(1, (1<<18)/max(width, 1)) }
