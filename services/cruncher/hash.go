package cruncher

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/zeebo/blake3"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Hash returns the operation hash: the hash, in hexadecimal digits, of the body handed over by the step before, or of the value so
// far as JSON without white space. Without either it is the hash of nothing, as of an empty page. Arguments
// {"algorithm": "sha256" | "sha512" | "blake3" | "sha1" | "md5" | "crc32c"}, sha256 if absent; value {"algorithm", "hash", "bytes"}.
func Hash() ops.Op {
	return ops.Op{Name: "hash", Run: runHash, Check: checker(defaultHash)}
}

var defaultHash = hashArgs{Algorithm: "sha256"}

type hashArgs struct {
	Algorithm string `json:"algorithm"`
}

func (a *hashArgs) check() error {
	_, err := newHash(a.Algorithm)
	return err
}

// hashed is the value of the operation hash.
type hashed struct {
	Algorithm string `json:"algorithm"`
	Hash      string `json:"hash"`
	Bytes     int64  `json:"bytes"`
}

func runHash(ctx context.Context, in ops.Input) (ops.Output, error) {
	args := defaultHash
	if err := in.Args(&args); err != nil {
		return ops.Output{}, err
	}
	h, err := newHash(args.Algorithm)
	if err != nil {
		return ops.Output{}, err
	}
	total, err := feed(ctx, h, in)
	if err != nil {
		return ops.Output{}, err
	}
	return ops.Output{Value: ops.JSON(hashed{args.Algorithm, hex.EncodeToString(h.Sum(nil)), total})}, nil
}

// feed hashes what there is, and returns how many bytes it was.
func feed(ctx context.Context, h hash.Hash, in ops.Input) (total int64, err error) {
	const between = 1 << 20 // bytes between two looks at the context
	if in.Inline() {
		data, err := hashInput(in)
		if err != nil {
			return 0, err
		}
		for rest := data; len(rest) > 0; {
			if ctx.Err() != nil {
				return 0, interrupted(ctx, "hash")
			}
			n := min(between, len(rest))
			h.Write(rest[:n]) // a hash never returns an error
			rest = rest[n:]
		}
		return int64(len(data)), nil
	}
	body, err := in.Open(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = body.Close() }()
	for {
		if ctx.Err() != nil {
			return 0, interrupted(ctx, "hash")
		}
		n, err := io.CopyN(h, body, between)
		total += n
		switch {
		case err == io.EOF: //nolint:errorlint // what has an end of something else in it is a failure
			return total, nil
		case err != nil:
			return 0, unread(ctx, "hash", err)
		}
	}
}

// hashInput writes a value in one way only, so that its hash does not depend on white space.
func hashInput(in ops.Input) ([]byte, error) {
	if in.Body != nil || len(in.Value) == 0 {
		return in.Body, nil
	}
	var b bytes.Buffer
	if err := json.Compact(&b, in.Value); err != nil {
		return nil, ops.Fail(events.ReasonComputation, fmt.Errorf("hash: the value is not JSON: %w", err))
	}
	return b.Bytes(), nil
}

func newHash(algorithm string) (hash.Hash, error) {
	switch algorithm {
	case "sha256":
		return sha256.New(), nil
	case "sha512":
		return sha512.New(), nil
	case "blake3":
		return blake3.New(), nil
	case "sha1":
		return sha1.New(), nil // for comparing with lists of checksums, not for security
	case "md5":
		return md5.New(), nil // the same
	case "crc32c":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli)), nil
	default:
		return nil, ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("hash algorithm %.40q: use sha256, sha512, blake3, sha1, md5 or crc32c", algorithm))
	}
}
