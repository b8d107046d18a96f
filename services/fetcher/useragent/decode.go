package useragent

import (
	"bytes"
	"context"
	"io"
)

// readFirst is how much is made room for when the length is not known.
const readFirst = 4 << 10

// usualRatio is how much larger a page becomes by decoding.
const usualRatio = 4

// decode undoes encodings. What the server sends is read a little ahead, so that few decoders wait for the network. expect is a guess
// at the decoded size.
func (b *Body) decode(ctx context.Context, layers []decoder, size int64) (decoded io.Reader, expect int64, err error) {
	head, err := readUpTo(&b.wire, prefetch, size)
	if err != nil || len(head) == 0 { // nothing at all is an empty body, whatever its encoding
		return bytes.NewReader(nil), 0, err
	}
	expect = max(readFirst, usualRatio*int64(len(head)))
	src, whole := io.Reader(bytes.NewReader(head)), int64(len(head)) <= prefetch
	if !whole {
		src = io.MultiReader(src, &b.wire)
	}
	b.fed = fed{r: src, out: &b.decoded, slack: b.want.Inline + ratioFrom}
	b.decoded.fed = &b.fed
	src = &b.fed
	var windows [maxEncodings]int64
	var sum int64
	for i, layer := range layers {
		windows[i] = layer.window(head)
		sum += windows[i]
		head = nil // how those below begin is known only when this one is undone
	}
	if err := b.take(b.x.agent.windows.take(ctx, sum, whole)); err != nil {
		return nil, 0, err
	}
	for i, layer := range layers {
		if i > 0 {
			src = &bounded{r: src, left: 2*b.want.Max + prefetch}
		}
		decoded, release, err := layer.open(src, windows[i])
		if err := b.take(release, err); err != nil {
			return nil, 0, err
		}
		src = decoded
	}
	return src, expect, nil
}

// take remembers what has to be given back. Nil is nothing.
func (b *Body) take(release func(), err error) error {
	switch {
	case err != nil || release == nil:
	case b.release == nil:
		b.release = release
	default:
		before := b.release
		b.release = func() {
			release()
			before()
		}
	}
	return err
}

// readUpTo reads to the end but not more than limit+1 bytes. It makes room for size bytes at once if the size is known.
func readUpTo(r io.Reader, limit, size int64) ([]byte, error) {
	if size < 0 {
		size = readFirst
	}
	// One more than expected, as a reader tells its end only to who has room left.
	buf := make([]byte, 0, min(size, limit)+1)
	for {
		n, err := r.Read(buf[len(buf):min(int64(cap(buf)), limit+1)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil || int64(len(buf)) > limit {
			return buf, err
		}
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
	}
}
