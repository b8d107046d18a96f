package useragent

import (
	"fmt"
	"io"
)

// wire is a body as it comes from the connection. It counts the bytes, keeps the pace, and remembers the connection's error, to tell it
// from errors of what is decoded.
type wire struct {
	r    io.Reader
	pace *pace
	n    int64
	err  error
}

func (w *wire) Read(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.pace.read(w.r, p)
	w.n += int64(n)
	if err != nil && err != io.EOF { //nolint:errorlint // what has an end of something else in it is a failure
		w.err = err
	}
	return n, err
}

// capped counts what comes of decoding and puts an end to too much of it.
type capped struct {
	r      io.Reader
	most   int64
	remedy string // against the limit
	fed    *fed   // nil if there is nothing to decode
	n      int64
}

// maxRatio is how many times larger a body may become by decoding, once it is large: what compresses better than this has next to
// nothing in it. Pages become some ten times as large, and zeros in gzip 1032 times.
const (
	maxRatio  = 1000
	ratioFrom = 1 << 20
)

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	switch {
	case c.n > c.most:
		return n, tooLarge(c.most, c.remedy)
	case c.fed != nil && c.n > ratioFrom && c.n > maxRatio*c.fed.used():
		return n, fmt.Errorf("%w: a decompression bomb: %d bytes have become more than %d times as many", errTooLarge, c.fed.used(), maxRatio)
	}
	return n, err
}

// fed is what the first decoder has taken in so far.
type fed struct {
	r     io.Reader
	out   *capped
	slack int64 // how much more may come in than twice what comes out
	n     int64
	err   error // of being fed too much
	ahead buffer
}

// buffer is what a decoder has taken in and not used yet; nil if it does not tell.
type buffer interface{ Buffered() int }

func (f *fed) used() int64 {
	if f.ahead == nil {
		return f.n
	}
	return f.n - int64(f.ahead.Buffered())
}

// Read ends a body that decodes to nothing, and would do so for ever.
func (f *fed) Read(p []byte) (int, error) {
	if f.n > 2*f.out.n+f.slack {
		f.err = fmt.Errorf("%w: %d bytes have come, encoded, and %d were in them", errTooLarge, f.n, f.out.n)
		return 0, f.err
	}
	n, err := f.r.Read(p)
	f.n += int64(n)
	return n, err
}

func tooLarge(most int64, remedy string) error {
	return fmt.Errorf("%w: more than %d bytes; %s", errTooLarge, most, remedy)
}

// bounded is what one of several encodings decodes to.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, fmt.Errorf("%w, encoded several times", errTooLarge)
	}
	return n, err
}
