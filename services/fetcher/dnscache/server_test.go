package dnscache

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
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a name server on 127.0.0.1, by UDP and TCP. Its answers come from reply, which gets the query and the network it came
// by, and may return nil for no answer.
type server struct {
	udp      net.PacketConn
	tcp      net.Listener
	reply    func(query dnsmessage.Message, network string) []byte
	udpCount atomic.Int64
	tcpCount atomic.Int64
}

func newServer(t testing.TB, reply func(query dnsmessage.Message, network string) []byte) *server {
	t.Helper()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &server{udp: udp, tcp: tcp, reply: reply}
	var done sync.WaitGroup
	t.Cleanup(func() { udp.Close(); tcp.Close(); done.Wait() })
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

func (s *server) serveUDP() {
	buf := make([]byte, 4096)
	for {
		n, from, err := s.udp.ReadFrom(buf)
		if err != nil {
			return
		}
		s.udpCount.Add(1)
		if m := s.answer(buf[:n], "udp"); m != nil {
			_, _ = s.udp.WriteTo(m, from)
		}
	}
}

func (s *server) serveTCP(c net.Conn) {
	defer c.Close()
	length := make([]byte, 2)
	if _, err := io.ReadFull(c, length); err != nil {
		return
	}
	query := make([]byte, binary.BigEndian.Uint16(length))
	if _, err := io.ReadFull(c, query); err != nil {
		return
	}
	s.tcpCount.Add(1)
	if m := s.answer(query, "tcp"); m != nil {
		_, _ = c.Write(framed(m))
	}
	_, _ = io.Copy(io.Discard, c) // until the client closes
}

func (s *server) answer(query []byte, network string) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil {
		return nil
	}
	return s.reply(m, network)
}

func (s *server) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	if strings.HasPrefix(network, "tcp") {
		return (&net.Dialer{}).DialContext(ctx, "tcp", s.tcp.Addr().String())
	}
	return (&net.Dialer{}).DialContext(ctx, "udp", s.udp.LocalAddr().String())
}

func (s *server) queries() int64 { return s.udpCount.Load() + s.tcpCount.Load() }

// cache makes a cache in front of the server, with a clock that the test moves.
func (s *server) cache(t testing.TB, change ...func(*Config)) (*Cache, *clock) {
	t.Helper()
	cfg := Config{Dial: s.dial}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	require.NoError(t, err)
	k := &clock{start: time.Now()}
	c.now = k.now
	return c, k
}

type clock struct {
	start  time.Time
	passed atomic.Int64
}

func (k *clock) now() time.Time          { return k.start.Add(time.Duration(k.passed.Load())) }
func (k *clock) advance(d time.Duration) { k.passed.Add(int64(d)) }

func pack(m dnsmessage.Message) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// response is an empty answer to a query.
func response(query dnsmessage.Message) dnsmessage.Message {
	return dnsmessage.Message{
		Header:    dnsmessage.Header{ID: query.ID, Response: true, RecursionDesired: true, RecursionAvailable: true},
		Questions: query.Questions,
	}
}

// addresses answers A queries with the addresses and knows no other records.
func addresses(query dnsmessage.Message, ttl uint32, addrs ...string) dnsmessage.Message {
	m := response(query)
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

// soa says how long "there is none" holds.
func soa(ttl, minimum uint32) dnsmessage.Resource {
	zone := dnsmessage.MustNewName("test.")
	return dnsmessage.Resource{
		Header: dnsmessage.ResourceHeader{Name: zone, Type: dnsmessage.TypeSOA, Class: dnsmessage.ClassINET, TTL: ttl},
		Body:   &dnsmessage.SOAResource{NS: zone, MBox: zone, MinTTL: minimum},
	}
}
