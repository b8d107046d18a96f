package useragent

import (
	"bufio"
	"compress/gzip"
	"io"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// decoder is one of the encodings that can be undone. Decoders keep their tables and buffers from body to body.
type decoder interface {
	// window is how many bytes of memory a stream asks for that begins with head, and at most if head is nil.
	window(head []byte) int64
	// open begins to decode a stream with such a window. release gives the decoder's memory back.
	open(src io.Reader, window int64) (decoded io.Reader, release func(), err error)
}

var (
	gzipDecoder   decoder = gzips{}
	brotliDecoder decoder = brotlis{}
	zstdDecoder   decoder = zstds{}
)

type gzips struct{}

type unzipper struct {
	buf *bufio.Reader
	zip gzip.Reader
}

var unzippers = sync.Pool{New: func() any { return &unzipper{buf: bufio.NewReaderSize(nil, 4<<10)} }}

func (gzips) open(src io.Reader, _ int64) (io.Reader, func(), error) {
	u := unzippers.Get().(*unzipper) //nolint:forcetypeassert // the pool makes nothing else
	u.buf.Reset(src)
	if f, ok := src.(*fed); ok {
		f.ahead = u.buf // what gzip does at most is so near to maxRatio that 4 KiB count
	}
	release := func() {
		u.buf.Reset(nil)
		unzippers.Put(u)
	}
	if err := u.zip.Reset(u.buf); err != nil {
		release()
		return nil, nil, err
	}
	return &u.zip, release, nil
}

func (gzips) window([]byte) int64 { return 32 << 10 } // RFC 1951

type brotlis struct{}

var brotliReaders = sync.Pool{New: func() any { return brotli.NewReader(nothing) }}

// nothing is what idle decoders read, so that they hold nothing of the last body.
var nothing io.Reader = strings.NewReader("")

func (brotlis) open(src io.Reader, _ int64) (io.Reader, func(), error) {
	b := brotliReaders.Get().(*brotli.Reader) //nolint:forcetypeassert // the pool makes nothing else
	err := b.Reset(src)
	return b, func() {
		_ = b.Reset(nothing)
		brotliReaders.Put(b)
	}, err
}

// window reads WBITS (RFC 7932 section 9.1).
func (brotlis) window(head []byte) int64 {
	if len(head) == 0 {
		return 1 << 24
	}
	b := head[0]
	switch {
	case b&1 == 0:
		return 1 << 16
	case b>>1&7 != 0:
		return 1 << (17 + b>>1&7)
	case b>>4&7 == 0:
		return 1 << 17
	default:
		return 1 << (8 + b>>4&7)
	}
}

type zstds struct{}

// maxZstdWindow is what the content coding allows (RFC 9659 section 3).
const maxZstdWindow = 8 << 20

var zstdReaders = sync.Pool{New: func() any {
	// With a concurrency of 1 it decodes where it is read and has no goroutines.
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic("useragent: options of zstd: " + err.Error())
	}
	return d
}}

func (zstds) open(src io.Reader, window int64) (io.Reader, func(), error) {
	d := zstdReaders.Get().(*zstd.Decoder) //nolint:forcetypeassert // the pool makes nothing else
	// The later frames of a stream may not have a larger window than the first: it would be memory that nobody has counted.
	err := d.ResetWithOptions(src, zstd.WithDecoderMaxWindow(uint64(max(window, freeWindow))))
	return zstdReader{d}, func() {
		_ = d.Reset(nil)
		zstdReaders.Put(d)
	}, err
}

// window is that of the first frame.
func (zstds) window(head []byte) int64 {
	var h zstd.Header
	if len(head) == 0 || h.Decode(head) != nil || h.Skippable {
		return maxZstdWindow
	}
	if h.SingleSegment {
		return int64(min(h.FrameContentSize, maxZstdWindow))
	}
	return int64(min(h.WindowSize, maxZstdWindow))
}

// zstdReader hides the other methods of the decoder.
type zstdReader struct{ io.Reader }
