package useragent

import (
	"io"
	"net/http"
	"time"
)

// What is left of a body that nobody wants is read so far and so long, so that the connection can be used again; after that
// a new connection is cheaper.
const (
	drainBytes = 64 << 10
	drainTime  = 500 * time.Millisecond
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
