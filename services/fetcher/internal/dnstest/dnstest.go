// Package dnstest is a name server for tests.
package dnstest

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// Server is a name server on 127.0.0.1, by UDP and TCP.
type Server struct {
	udp   net.PacketConn
	tcp   net.Listener
	reply func(query dnsmessage.Message, network string) []byte
	// UDP and TCP count the queries.
	UDP, TCP atomic.Int64
}

// New starts a name server that ends with the test. Its answers come from reply, which gets the query and the network it came by, and
// may return nil for none.
func New(t testing.TB, reply func(query dnsmessage.Message, network string) []byte) *Server {
	t.Helper()
	udp, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	require.NoError(t, err)
	tcp, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &Server{udp: udp, tcp: tcp, reply: reply}
	var done sync.WaitGroup
	t.Cleanup(func() { _ = udp.Close(); _ = tcp.Close(); done.Wait() })
	done.Go(s.serveUDP)
	done.Go(func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			done.Go(func() { s.serveTCP(c) })
		}
	})
	return s
}

func (s *Server) serveUDP() {
	buf := make([]byte, 4096)
	for {
		n, from, err := s.udp.ReadFrom(buf)
		if err != nil {
			return
		}
		s.UDP.Add(1)
		if m := s.answer(buf[:n], "udp"); m != nil {
			_, _ = s.udp.WriteTo(m, from)
		}
	}
}

func (s *Server) serveTCP(c net.Conn) {
	defer func() { _ = c.Close() }()
	length := make([]byte, 2)
	if _, err := io.ReadFull(c, length); err != nil {
		return
	}
	query := make([]byte, binary.BigEndian.Uint16(length))
	if _, err := io.ReadFull(c, query); err != nil {
		return
	}
	s.TCP.Add(1)
	if m := s.answer(query, "tcp"); m != nil {
		_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)) // RFC 1035, section 4.2.2
	}
	_, _ = io.Copy(io.Discard, c) // until the client closes
}

func (s *Server) answer(query []byte, network string) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil {
		return nil
	}
	return s.reply(m, network)
}

// Dial connects to the server, whatever the address.
func (s *Server) Dial(ctx context.Context, network, _ string) (net.Conn, error) {
	if strings.HasPrefix(network, "tcp") {
		return (&net.Dialer{}).DialContext(ctx, "tcp", s.tcp.Addr().String())
	}
	return (&net.Dialer{}).DialContext(ctx, "udp", s.udp.LocalAddr().String())
}

// Queries returns how often the server was asked.
func (s *Server) Queries() int64 { return s.UDP.Load() + s.TCP.Load() }

// Pack makes bytes of a message.
func Pack(m dnsmessage.Message) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// Response is an empty answer to a query.
func Response(query dnsmessage.Message) dnsmessage.Message {
	return dnsmessage.Message{
		Header:    dnsmessage.Header{ID: query.ID, Response: true, RecursionDesired: true, RecursionAvailable: true},
		Questions: query.Questions,
	}
}

// Addresses answers A queries with the addresses and knows no other records.
func Addresses(query dnsmessage.Message, ttl uint32, addrs ...string) dnsmessage.Message {
	m := Response(query)
	if q := query.Questions[0]; q.Type == dnsmessage.TypeA {
		for _, a := range addrs {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: ttl},
				Body:   &dnsmessage.AResource{A: netip.MustParseAddr(a).As4()},
			})
		}
	}
	return m
}

// SOA says how long "there is none" holds.
func SOA(ttl, minimum uint32) dnsmessage.Resource {
	zone := dnsmessage.MustNewName("test.")
	return dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: zone, Type: dnsmessage.TypeSOA, Class: dnsmessage.ClassINET, TTL: ttl},
		Body:   &dnsmessage.SOAResource{NS: zone, MBox: zone, MinTTL: minimum},
	}
}
