package useragent

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// errSlow means that a server has kept us waiting with fewer bytes than Config.MinBytesPerSecond.
var errSlow = errors.New("the server sends too slowly")

// pace finds out that a server sends an answer so slowly that it never becomes whole. Only the time that is spent waiting for the server
// counts, so that whoever reads may take as long as it likes.
type pace struct {
	watch  *watch
	least  int64         // bytes in a window
	window time.Duration // of waiting
	start  time.Time

	bytes   atomic.Int64 // of the body, as they came
	since   atomic.Int64 // when the current wait began, in nanoseconds after start; 0 means that nobody waits
	waited  atomic.Int64 // all ended waits, in nanoseconds
	tooSlow atomic.Bool

	mu   sync.Mutex
	conn net.Conn  // until the body is known
	body io.Closer // from then on

	// The watch's.
	next, previous            *pace
	watched, ended            bool
	waitedBefore, bytesBefore int64 // what there was when the window began
}

func (p *pace) now() int64 { return max(1, int64(time.Since(p.start))) }

// got is called when the request has a connection.
func (p *pace) got(c net.Conn) {
	p.mu.Lock()
	p.conn = c
	p.mu.Unlock()
}

// begin is called when the first byte of the header has come: from now on the server is expected to go on.
func (p *pace) begin() {
	p.since.Store(p.now())
	p.watch.add(p)
}

// whole is called when the header is whole.
func (p *pace) whole(body io.Closer) {
	p.since.Store(0) // a header may take a window for itself
	p.mu.Lock()
	p.body = body
	p.mu.Unlock()
}

// end is called when nothing is expected any more.
func (p *pace) end() { p.watch.remove(p) }

// read reads from a body and keeps the time.
func (p *pace) read(r io.Reader, b []byte) (int, error) {
	since := p.now()
	p.since.Store(since)
	n, err := r.Read(b)
	p.since.Store(0)
	p.waited.Add(p.now() - since)
	p.bytes.Add(int64(n))
	return n, err
}

// expired says whether a window has ended with too few bytes. The watch asks it.
func (p *pace) expired() bool {
	waited, bytes := p.waited.Load(), p.bytes.Load()
	if since := p.since.Load(); since != 0 {
		waited += p.now() - since
	}
	if time.Duration(waited-p.waitedBefore) < p.window || p.tooSlow.Load() {
		return false
	}
	if bytes-p.bytesBefore >= p.least {
		p.waitedBefore, p.bytesBefore = waited, bytes
		return false
	}
	p.tooSlow.Store(true)
	return true
}

// interrupt makes the read that waits return.
func (p *pace) interrupt() {
	p.mu.Lock()
	conn, body := p.conn, p.body
	p.mu.Unlock()
	if body != nil {
		_ = body.Close()
		return
	}
	// A connection of HTTP/2 has other requests on it, and its header comes at once or not at all for us; pings watch over it.
	if c, ok := conn.(*tls.Conn); ok && c.ConnectionState().NegotiatedProtocol == "h2" {
		return
	}
	_ = conn.Close()
}

// verdict returns err, or the reason why the pace has caused it.
func (p *pace) verdict(err error) error {
	if !p.tooSlow.Load() {
		return err
	}
	return fmt.Errorf("%w: fewer than %d bytes in %s", errSlow, p.least, p.window)
}
