package dnscache

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"
)

// maxPacketBytes is the longest UDP message that is read. Go's resolver asks for at most 1,232 B.
const maxPacketBytes = 4 << 10

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// exchange sends a query to a server and returns its answer.
func exchange(ctx context.Context, dial dialFunc, network, server string, q question, query []byte) ([]byte, error) {
	c, err := dial(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	send := stream
	if _, ok := c.(net.PacketConn); ok {
		send = packet
	}
	m, err := send(c, q, query)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return m, err
}

// packet waits for the answer among whatever else comes: dropping out at the first forgery would help who forges.
func packet(c net.Conn, q question, query []byte) ([]byte, error) {
	if _, err := c.Write(query); err != nil {
		return nil, err
	}
	buf := make([]byte, maxPacketBytes)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return nil, err
		}
		if answers(buf[:n], q) {
			return append([]byte(nil), buf[:n]...), nil
		}
	}
}

func stream(c net.Conn, q question, query []byte) ([]byte, error) {
	if _, err := c.Write(framed(query)); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, err
	}
	m := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(c, m); err != nil {
		return nil, err
	}
	if !answers(m, q) {
		return nil, fmt.Errorf("DNS cache: %s answered something else than was asked", c.RemoteAddr())
	}
	return m, nil
}

// framed puts the length in front of a message, as it is sent over TCP (RFC 1035, section 4.2.2).
func framed(message []byte) []byte {
	f := make([]byte, 2, 2+len(message))
	binary.BigEndian.PutUint16(f, uint16(len(message)))
	return append(f, message...)
}
