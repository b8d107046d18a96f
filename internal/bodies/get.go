package bodies

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	// A copy of the store in a cluster may lag behind what was confirmed, so what is missing is looked for again.
	lagTries = 3
	lagWait  = 50 * time.Millisecond
)

// Get opens a body. It is read in chunks as they are needed, one in memory at a time, and ends with an error if it is not, to the
// last byte, what the reference says. The context is for all of the reading.
func (s *Store) Get(ctx context.Context, ref events.BodyRef) (io.ReadCloser, error) {
	b, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	o, err := again(ctx, func() (object, bool, error) {
		o, err := b.look(ctx, ref.Object)
		return o, o.there(), err
	})
	if err != nil {
		return nil, err
	}
	if !o.there() {
		return nil, gone(b, ref.Object)
	}
	want, err := hex.DecodeString(ref.SHA256)
	if err != nil || int64(o.Size) != ref.Bytes || o.Digest != "SHA-256="+base64.URLEncoding.EncodeToString(want) {
		return nil, broken(ref.Object, fmt.Errorf("it has %d bytes and the digest %s", o.Size, o.Digest))
	}
	return &reader{ctx: ctx, bucket: b, ref: ref, want: want, subject: chunkSubject(o.NUID), left: ref.Bytes, sum: sha256.New(), next: 1}, nil
}

// again asks up to three times for what is not there.
func again[T any](ctx context.Context, ask func() (got T, there bool, err error)) (T, error) {
	for try := 1; ; try++ {
		got, there, err := ask()
		if there || err != nil || try == lagTries {
			return got, err
		}
		select {
		case <-ctx.Done():
			return got, nil
		case <-time.After(lagWait):
		}
	}
}

// reader reads an object. It asks for each chunk by itself, instead of having them all sent: that needs no consumer on the broker, only the
// right to read, and a slow reader holds nothing up.
type reader struct {
	ctx     context.Context //nolint:containedctx // of the work that reads, like that of a response's body
	bucket  *bucket
	ref     events.BodyRef
	want    []byte
	subject string
	chunk   []byte
	next    uint64 // where to look for the next chunk in the stream
	left    int64  // bytes that have not been fetched
	sum     hash.Hash
	err     error
}

func (r *reader) Read(p []byte) (int, error) {
	for len(r.chunk) == 0 && r.err == nil {
		r.err = r.fetch()
	}
	if len(r.chunk) > 0 {
		n := copy(p, r.chunk)
		r.chunk = r.chunk[n:]
		return n, nil
	}
	return 0, r.err
}

// fetch gets the next chunk, or io.EOF when there are enough.
func (r *reader) fetch() error {
	if r.left == 0 {
		if got := r.sum.Sum(nil); !bytes.Equal(got, r.want) {
			return broken(r.ref.Object, fmt.Errorf("its content has the digest %x", got))
		}
		return io.EOF
	}
	m, err := again(r.ctx, func() (*jetstream.RawStreamMsg, bool, error) {
		asking, cancel := context.WithTimeout(r.ctx, patience)
		defer cancel()
		m, err := r.bucket.stream.GetMsg(asking, r.next, jetstream.WithGetMsgSubject(r.subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil, false, nil
		}
		return m, err == nil, err
	})
	switch {
	case err != nil:
		return verdict(r.ctx, "read body "+r.ref.Object, err)
	case m == nil && r.ctx.Err() != nil:
		return verdict(r.ctx, "read body "+r.ref.Object, r.ctx.Err())
	case m == nil:
		return gone(r.bucket, r.ref.Object) // the chunks are older than the name
	case int64(len(m.Data)) > r.left:
		return broken(r.ref.Object, fmt.Errorf("it has more than %d bytes", r.ref.Bytes))
	}
	r.chunk, r.next = m.Data, m.Sequence+1
	r.left -= int64(len(m.Data))
	r.sum.Write(m.Data)
	return nil
}

// Close ends the reading.
func (r *reader) Close() error {
	r.chunk, r.err = nil, fs.ErrClosed
	return nil
}
