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

// pace ends a request whose server sends an answer so slowly that it never becomes whole. Only the time that is spent waiting for the
// server counts, so that whoever reads may take as long as it likes. It costs one timer for a request, however many reads that has.
type pace struct {
	least  int64         // bytes in a window
	window time.Duration // of waiting
	start  time.Time

	bytes   atomic.Int64 // of the body, as they came
	since   atomic.Int64 // when the current wait began, in nanoseconds after start; 0 means that nobody waits
	waited  atomic.Int64 // all ended waits, in nanoseconds
	tooSlow atomic.Bool

	mu    sync.Mutex
	timer *time.Timer
	conn  net.Conn  // until the body is known
	body  io.Closer // from then on
	ended bool
	// What there was when the window began.
	waitedBefore, bytesBefore int64
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
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || p.timer != nil {
		return
	}
	p.since.Store(p.now())
	p.timer = time.AfterFunc(p.window, p.check)
}

// whole is called when the header is whole.
func (p *pace) whole(body io.Closer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.body = body
	p.since.Store(0) // a header may take a window for itself
}

// end is called when nothing is expected any more.
func (p *pace) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	if p.timer != nil {
		p.timer.Stop()
	}
}

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

// check ends the request or waits for the end of the next window.
func (p *pace) check() {
	if p.expired() {
		p.interrupt()
	}
}

func (p *pace) expired() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return false
	}
	waited, bytes := p.waited.Load(), p.bytes.Load()
	if since := p.since.Load(); since != 0 {
		waited += p.now() - since
	}
	switch left := p.window - time.Duration(waited-p.waitedBefore); {
	case left > 0: // the reader took its time
		p.timer.Reset(max(left, p.window/8))
	case bytes-p.bytesBefore >= p.least:
		p.waitedBefore, p.bytesBefore = waited, bytes
		p.timer.Reset(p.window)
	default:
		p.tooSlow.Store(true)
		return true
	}
	return false
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
