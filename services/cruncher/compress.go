package cruncher

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/fetchmill/fetchmill/pkg/ops"
)

const (
	maxPacked       = 256 << 20 // bytes that an operation may hand on, if it is allowed to
	defaultUnpacked = 64 << 20
	defaultRatio    = 250      // of what comes out to what goes in; text has 3 to 20
	ratioFrom       = 16 << 20 // bytes from which the ratio counts
	maxWindow       = 32 << 20 // of zstd: what it remembers, and so what a frame can make it take
)

// Gzip returns the operation gzip: it compresses the body handed over by the step before, or the value so far, and hands it to the
// next step. Arguments {"level": integer from 1 to 9, 6 if absent}; value {"bytes_in", "bytes_out"}.
func Gzip() ops.Op {
	return packing("gzip", 9, 6, func(w io.Writer, level int) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, level) })
}

// Zstd returns the operation zstd: as gzip, with levels from 1 to 22, 3 if absent. The levels of the format's own tool are mapped to the
// four that there are here.
func Zstd() ops.Op {
	return packing("zstd", 22, 3, func(w io.Writer, level int) (io.WriteCloser, error) {
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(4<<20))
	})
}

// Gunzip returns the operation gunzip: it decompresses the body handed over by the step before, of one or several members, and hands it to
// the next step. Arguments {"max_bytes": integer, the most that may come out, 64 MiB if absent and 256 MiB at most; "max_ratio":
// integer, how many times what went in, 250 if absent, counted from 16 MiB}; value {"bytes_in", "bytes_out"}.
func Gunzip() ops.Op {
	return unpacking("gunzip", func(r io.Reader) (io.Reader, func(), error) {
		z, err := gzip.NewReader(r)
		return z, func() {}, err
	})
}

// Unzstd returns the operation unzstd: as gunzip, for zstd. Frames that need to remember more than 32 MiB are refused.
func Unzstd() ops.Op {
	return unpacking("unzstd", func(r io.Reader) (io.Reader, func(), error) {
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	})
}

type packed struct {
	In  int64 `json:"bytes_in"`
	Out int64 `json:"bytes_out"`
}

type packArgs struct {
	Level *int64 `json:"level"`
}

func packing(name string, levels, level int64, writer func(io.Writer, int) (io.WriteCloser, error)) ops.Op {
	arguments := func(in ops.Input) (int, error) {
		args := packArgs{Level: &level}
		if err := in.Args(&args); err != nil {
			return 0, err
		}
		if args.Level == nil { // null
			args.Level = &level
		}
		return int(*args.Level), within(name, "level", args.Level, 1, levels)
	}
	run := func(ctx context.Context, in ops.Input) (ops.Output, error) {
		level, err := arguments(in)
		if err != nil {
			return ops.Output{}, err
		}
		src, err := openRaw(ctx, in, name)
		if err != nil {
			return ops.Output{}, err
		}
		defer func() { _ = src.Close() }()
		out := bounded{most: maxPacked, refusal: func() error {
			return tooLarge("%s: more than %d bytes come out: compress smaller parts", name, maxPacked)
		}, reserve: func(bytes int64) error { return in.Reserve(packingBytes(name, level) + bytes) }}
		if err := out.room(0); err != nil {
			return ops.Output{}, err
		}
		z, err := writer(&out, level)
		if err != nil {
			return ops.Output{}, fmt.Errorf("%s: %w", name, err)
		}
		_, err = io.Copy(z, src)
		if err = errors.Join(err, z.Close()); err != nil {
			return ops.Output{}, src.because(fmt.Errorf("%s: %w", name, err))
		}
		return out.output(src), nil
	}
	return ops.Op{Name: name, Run: run, Check: func(with json.RawMessage) error { _, err := arguments(ops.Input{With: with}); return err }}
}

type unpackArgs struct {
	MaxBytes int64 `json:"max_bytes"`
	MaxRatio int64 `json:"max_ratio"`
}

func (a *unpackArgs) check() error {
	if err := within("decompression", "max_bytes", &a.MaxBytes, 1, maxPacked); err != nil {
		return err
	}
	return within("decompression", "max_ratio", &a.MaxRatio, 1, 1_000_000)
}

var defaultUnpack = unpackArgs{MaxBytes: defaultUnpacked, MaxRatio: defaultRatio}

func unpacking(name string, reader func(io.Reader) (io.Reader, func(), error)) ops.Op {
	run := func(ctx context.Context, in ops.Input) (ops.Output, error) {
		args, err := read(in, defaultUnpack)
		if err != nil {
			return ops.Output{}, err
		}
		src, err := open(ctx, in, name)
		if err != nil {
			return ops.Output{}, err
		}
		defer func() { _ = src.Close() }()
		broken := func(err error) error {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = fmt.Errorf("it is cut off (%w)", err)
			}
			if errors.Is(err, zstd.ErrWindowSizeExceeded) {
				return tooLarge("%s: it needs to remember more than %d bytes: compress it without --long", name, maxWindow)
			}
			return src.because(fmt.Errorf("%s: the body cannot be decompressed: %w", name, err))
		}
		out := bounded{most: args.MaxBytes, refusal: func() error {
			return tooLarge("%s: more than %d bytes come out: raise max_bytes, at most to %d, or take smaller parts", name, args.MaxBytes, maxPacked)
		}, reserve: func(bytes int64) error { return in.Reserve(unpackingBytes(name) + bytes) }}
		if err := out.room(0); err != nil {
			return ops.Output{}, err
		}
		z, done, err := reader(src)
		if err != nil {
			return ops.Output{}, broken(err)
		}
		defer done()
		out.also = func(n int64) error {
			if n > ratioFrom && n/args.MaxRatio > src.bytes {
				return tooLarge("%s: more than %d times as much comes out as went in: raise max_ratio if that is right", name, args.MaxRatio)
			}
			return nil
		}
		if _, err := io.Copy(&out, z); err != nil {
			if _, classified := errors.AsType[*ops.Failure](err); classified {
				return ops.Output{}, err
			}
			return ops.Output{}, broken(err)
		}
		return out.output(src), nil
	}
	return ops.Op{Name: name, Run: run, Check: checker(defaultUnpack)}
}

// bounded keeps what is written to it, up to a bound.
type bounded struct {
	bytes.Buffer
	most    int64
	refusal func() error
	also    func(n int64) error // another bound; nil if there is none
	reserve func(bytes int64) error
	has     int64 // bytes that were reserved; at first none
}

// room makes sure that there is memory for n bytes: the buffer doubles when it is full, and for a moment there are the old and the new.
func (b *bounded) room(n int64) error {
	const step = 1 << 20 // by which more is reserved
	if b.has > 0 && 3*n <= b.has {
		return nil
	}
	b.has = 3*n + step
	return b.reserve(b.has)
}

// packingBytes is how much memory compressing takes beside what comes out, and unpackingBytes decompressing.
func packingBytes(name string, level int) int64 {
	switch {
	case name == "gzip":
		return 1 << 20
	case zstd.EncoderLevelFromZstd(level) == zstd.SpeedBestCompression:
		return 64 << 20
	}
	return 24 << 20
}

func unpackingBytes(name string) int64 {
	if name == "gunzip" {
		return 128 << 10
	}
	return maxWindow + 4<<20
}

func (b *bounded) Write(p []byte) (int, error) {
	n := int64(b.Len() + len(p))
	if n > b.most {
		return 0, b.refusal()
	}
	if b.also != nil {
		if err := b.also(n); err != nil {
			return 0, err
		}
	}
	if err := b.room(n); err != nil {
		return 0, err
	}
	return b.Buffer.Write(p)
}

// ReadFrom hides that of the buffer, which has no bound.
func (b *bounded) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{b}, r)
}

func (b *bounded) output(src *source) ops.Output {
	body := b.Bytes()
	if body == nil {
		body = []byte{} // nothing came out, which is not the same as no body
	}
	return ops.Output{Body: body, Value: ops.JSON(packed{In: src.bytes, Out: int64(len(body))})}
}
