package useragent

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	acceptEncoding = "gzip"

	// What is left of a body that nobody wants is read so far and so long, so that the connection can be used again; after that
	// a new connection is cheaper.
	drainBytes = 64 << 10
	drainTime  = 500 * time.Millisecond
	// readFirst is how much is made room for when the length is not known.
	readFirst = 4 << 10
)

var (
	errTooLarge = errors.New("the body is too large")
	errEncoding = errors.New("the body's encoding is broken")
)

// Discard finishes with a response whose body is not wanted.
func Discard(resp *http.Response) {
	if resp.Body == http.NoBody || resp.ContentLength == 0 {
		resp.Body.Close()
		return
	}
	if resp.ContentLength <= drainBytes {
		stop := time.AfterFunc(drainTime, func() { resp.Body.Close() }) // which ends the read
		_, _ = io.CopyN(io.Discard, resp.Body, drainBytes)
		stop.Stop()
	}
	resp.Body.Close()
}

// readBody reads and decodes a body of at most limit bytes, and closes it. Errors are errTooLarge, errEncoding, or the connection's.
func readBody(resp *http.Response, limit int64) ([]byte, error) {
	zipped, err := isGzip(resp)
	switch {
	case err != nil:
		Discard(resp)
		return nil, err
	case resp.Body == http.NoBody:
		return nil, nil
	case !zipped && resp.ContentLength > limit:
		Discard(resp)
		return nil, fmt.Errorf("%w: %d bytes, more than %d; the operator of the fetcher sets the limit", errTooLarge, resp.ContentLength, limit)
	}
	defer resp.Body.Close()
	var body []byte
	if zipped {
		body, err = gunzip(resp.Body, limit)
	} else {
		body, err = readUpTo(resp.Body, limit, resp.ContentLength)
	}
	if err == nil && int64(len(body)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes; the operator of the fetcher sets the limit", errTooLarge, limit)
	}
	return body, err
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

// isGzip says whether the body has to be unzipped. An encoding that nobody asked for is an error, as no later step could
// read the body; who sets Accept-Encoding gets what comes.
func isGzip(resp *http.Response) (bool, error) {
	switch enc := strings.ToLower(strings.TrimSpace(strings.Join(resp.Header["Content-Encoding"], ","))); enc {
	case "gzip", "x-gzip":
		return true, nil
	case "", "identity", "none", "utf-8": // the last two are common mistakes
		return false, nil
	default:
		if resp.Request.Header.Get("Accept-Encoding") != acceptEncoding {
			return false, nil
		}
		return false, fmt.Errorf("%w: %.40q was not asked for", errEncoding, enc)
	}
}

// unzipper keeps its 40 KiB of tables and buffers from body to body.
type unzipper struct {
	src source
	buf *bufio.Reader
	zip gzip.Reader
}

// source remembers the error of the connection, to tell it from errors of the encoding.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

var unzippers = sync.Pool{New: func() any { return &unzipper{buf: bufio.NewReaderSize(nil, 4<<10)} }}

func gunzip(r io.Reader, limit int64) ([]byte, error) {
	u := unzippers.Get().(*unzipper) //nolint:forcetypeassert // the pool makes nothing else
	defer unzippers.Put(u)
	u.src = source{r: r}
	defer func() { u.src = source{} }()
	u.buf.Reset(&u.src)
	err := u.zip.Reset(u.buf)
	if errors.Is(err, io.EOF) && u.src.err == nil {
		return nil, nil // nothing at all: an empty body
	}
	var body []byte
	if err == nil {
		body, err = readUpTo(&u.zip, limit, -1)
	}
	switch {
	case err == nil:
		return body, nil
	case u.src.err != nil:
		return body, u.src.err
	default:
		return body, fmt.Errorf("%w: %w", errEncoding, err)
	}
}
