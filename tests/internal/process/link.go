package process

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Link carries TCP connections to an address until it is cut. What is cut carries nothing and closes nothing, like a network whose
// packets are lost; when it is joined again, what was on its way arrives, as TCP sends it again.
type Link struct {
	Address string // where to connect to

	target  string
	mu      sync.Mutex
	whole   *sync.Cond
	cut     bool
	delay   time.Duration // of each piece that is carried
	ended   bool
	carried map[net.Conn]bool
}

// NewLink makes a link to an address.
func NewLink(tb testing.TB, target string) *Link {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	l := &Link{Address: listener.Addr().String(), target: target, carried: map[net.Conn]bool{}}
	l.whole = sync.NewCond(&l.mu)
	var carrying sync.WaitGroup
	carrying.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			carrying.Go(func() { l.carry(from) })
		}
	})
	tb.Cleanup(func() {
		_ = listener.Close()
		l.end()
		carrying.Wait()
	})
	return l
}

// Cut lets nothing through, in no direction.
func (l *Link) Cut() { l.set(func() { l.cut = true }) }

// Join ends the cut.
func (l *Link) Join() { l.set(func() { l.cut = false }) }

// Slow delays each piece that is carried, up to 64 KiB, and with that bounds how much can be carried; 0 ends it.
func (l *Link) Slow(delay time.Duration) { l.set(func() { l.delay = delay }) }

func (l *Link) set(change func()) {
	l.mu.Lock()
	change()
	l.mu.Unlock()
	l.whole.Broadcast()
}

func (l *Link) end() {
	l.set(func() { l.ended = true })
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.carried {
		_ = c.Close()
	}
}

// pass waits until the link is whole, and then as long as it delays. It returns false when the link is gone for good.
func (l *Link) pass() bool {
	l.mu.Lock()
	delay := l.delay
	l.mu.Unlock()
	if delay > 0 {
		<-time.After(delay)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.cut && !l.ended {
		l.whole.Wait()
	}
	return !l.ended
}

func (l *Link) carry(from net.Conn) {
	defer from.Close()
	if !l.pass() {
		return
	}
	to, err := net.Dial("tcp", l.target)
	if err != nil {
		return // the caller finds its connection closed
	}
	defer to.Close()
	l.mu.Lock()
	l.carried[from], l.carried[to] = true, true
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.carried, from)
		delete(l.carried, to)
		l.mu.Unlock()
	}()
	var both sync.WaitGroup
	both.Go(func() { l.copy(to, from) })
	both.Go(func() { l.copy(from, to) })
	both.Wait()
}

// copy carries one direction until one of the ends closes, which closes the other.
func (l *Link) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if !l.pass() {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			l.pass() // the news of an end is lost, too
			return
		}
	}
}
