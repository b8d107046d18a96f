package dnscache

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"time"
)

// conn is what net.Resolver takes for a connection to a name server. It is no net.PacketConn, so that the resolver puts the
// length in front of its queries and expects it in front of answers, over "udp" too: so an answer that came by TCP, and is too
// long for UDP, can be had from memory at once. Whether a new answer is truncated, the resolver still sees and asks by TCP.
type conn struct {
	answer func(query []byte) ([]byte, error)
	addr   addr
	in     []byte // written and not yet answered
	out    []byte // not yet read
}

func (c *Cache) dial(ctx context.Context, network, server string) (net.Conn, error) {
	return &conn{addr: addr{network, server}, answer: func(query []byte) ([]byte, error) {
		return c.answer(ctx, network, server, query)
	}}, nil
}

// Write takes in a query.
func (c *conn) Write(b []byte) (int, error) {
	c.in = append(c.in, b...)
	return len(b), nil
}

// Read returns the answer to the oldest query, for which it may have to wait. The resolver's context ends that.
func (c *conn) Read(b []byte) (int, error) {
	if len(c.out) == 0 {
		query, ok := c.next()
		if !ok {
			return 0, io.EOF
		}
		m, err := c.answer(query)
		if err != nil {
			return 0, err
		}
		c.out = framed(m)
	}
	n := copy(b, c.out)
	c.out = c.out[n:]
	return n, nil
}

func (c *conn) next() ([]byte, bool) {
	if len(c.in) < 2 {
		return nil, false
	}
	end := 2 + int(binary.BigEndian.Uint16(c.in))
	if len(c.in) < end {
		return nil, false
	}
	query := c.in[2:end]
	c.in = c.in[end:]
	return query, true
}

func (c *conn) Close() error         { return nil }
func (c *conn) LocalAddr() net.Addr  { return c.addr }
func (c *conn) RemoteAddr() net.Addr { return c.addr }

// The deadline that the resolver sets is also that of the context with which it has dialled.

func (c *conn) SetDeadline(time.Time) error      { return nil }
func (c *conn) SetReadDeadline(time.Time) error  { return nil }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

type addr struct{ network, server string }

func (a addr) Network() string { return a.network }
func (a addr) String() string  { return a.server }
