package fetcher

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/nats-io/nats.go/jetstream"
)

// errObject means that an object is not what its description says: it was replaced while it was read, or is damaged.
var errObject = errors.New("the object is not what its description says")

// openObject reads the object that info describes, chunk by chunk as the reader wants them, and checks length and digest. Nothing is to
// be closed. It is used instead of ObjectStore.Get, which follows links wherever they lead, and whose reader ends with its deadline only and
// not when the work is called off. The layout is that of ADR-20.
func openObject(ctx context.Context, js jetstream.JetStream, bucket string, info *jetstream.ObjectInfo) (io.Reader, error) {
	want, err := jetstream.DecodeObjectDigest(info.Digest)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: digest %.80q: %w", errObject, info.Digest, err)
	case !validToken(info.NUID): // anybody who may write to the bucket can have written it
		return nil, fmt.Errorf("%w: it has the id %.80q", errObject, info.NUID)
	}
	stream, err := js.Stream(ctx, "OBJ_"+bucket)
	if err != nil {
		return nil, err
	}
	subject := "$O." + bucket + ".C." + info.NUID
	var (
		chunk []byte
		next  uint64 = 1
		left         = info.Size
		sum          = sha256.New()
	)
	return readerFunc(func(p []byte) (int, error) {
		for len(chunk) == 0 {
			if left == 0 {
				if !bytes.Equal(sum.Sum(nil), want) {
					return 0, fmt.Errorf("%w: its SHA-256 is another one", errObject)
				}
				return 0, io.EOF
			}
			m, err := stream.GetMsg(ctx, next, jetstream.WithGetMsgSubject(subject))
			if err != nil {
				return 0, fmt.Errorf("%d bytes are left: %w", left, err)
			}
			if uint64(len(m.Data)) > left {
				return 0, fmt.Errorf("%w: it has more than %d bytes", errObject, info.Size)
			}
			chunk, next, left = m.Data, m.Sequence+1, left-uint64(len(m.Data))
			sum.Write(chunk)
		}
		n := copy(p, chunk)
		chunk = chunk[n:]
		return n, nil
	}), nil
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
