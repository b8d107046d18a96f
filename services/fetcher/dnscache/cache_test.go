package dnscache

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/fetchmill/fetchmill/services/fetcher/internal/dnstest"
)

func lookup(t testing.TB, r *net.Resolver, name string) []string {
	t.Helper()
	addrs, err := r.LookupNetIP(t.Context(), "ip4", name)
	require.NoError(t, err)
	var list []string
	for _, a := range addrs {
		list = append(list, a.Unmap().String())
	}
	return list
}

func TestCache_keeps_an_answer_for_its_time_to_live_within_bounds(t *testing.T) {
	for _, c := range []struct {
		name string
		ttl  uint32
		want time.Duration
	}{
		{"as the zone says", 60, time.Minute},
		{"not shorter than the least", 0, 5 * time.Second},
		{"not longer than the most", 86400, 5 * time.Minute},
		{"nonsense is none", 1 << 31, 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := dnstest.New(t, func(q dnsmessage.Message, _ string) []byte {
				return dnstest.Pack(dnstest.Addresses(q, c.ttl, "192.0.2.1"))
			})
			cache, clock := newCache(t, s)
			r := cache.Resolver()
			require.Equal(t, []string{"192.0.2.1"}, lookup(t, r, "a.test."))
			require.Equal(t, []string{"192.0.2.1"}, lookup(t, r, "A.TEST."), "names have no case")
			clock.advance(c.want - time.Millisecond)
			lookup(t, cache.Resolver(), "a.test.")
			require.EqualValues(t, 1, s.Queries())
			require.Equal(t, Stats{Hits: 2, Misses: 1, Queries: 1, Entries: 1}, cache.Stats())
			clock.advance(time.Millisecond)
			lookup(t, r, "a.test.")
			require.EqualValues(t, 2, s.Queries())
		})
	}
}

func TestCache_takes_the_shortest_time_to_live_of_a_chain(t *testing.T) {
	s := dnstest.New(t, func(q dnsmessage.Message, _ string) []byte {
		m := dnstest.Addresses(q, 250, "192.0.2.1")
		alias := dnsmessage.MustNewName("real.test.")
		for i := range m.Answers {
			m.Answers[i].Header.Name = alias
		}
		m.Answers = append([]dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Questions[0].Name, Type: dnsmessage.TypeCNAME, Class: dnsmessage.ClassINET, TTL: 20},
			Body:   &dnsmessage.CNAMEResource{CNAME: alias},
		}}, m.Answers...)
		return dnstest.Pack(m)
	})
	cache, clock := newCache(t, s)
	lookup(t, cache.Resolver(), "a.test.")
	clock.advance(20*time.Second - 1)
	lookup(t, cache.Resolver(), "a.test.")
	require.EqualValues(t, 1, s.Queries())
	clock.advance(1)
	lookup(t, cache.Resolver(), "a.test.")
	require.EqualValues(t, 2, s.Queries())
}

func TestCache_keeps_that_there_is_none(t *testing.T) {
	for _, c := range []struct {
		name      string
		rcode     dnsmessage.RCode
		authority []dnsmessage.Resource
		want      time.Duration
	}{
		{"no such name", dnsmessage.RCodeNameError, []dnsmessage.Resource{dnstest.SOA(3600, 20)}, 20 * time.Second},
		{"no such record", dnsmessage.RCodeSuccess, []dnsmessage.Resource{dnstest.SOA(3600, 20)}, 20 * time.Second},
		{"the record of the zone is shorter", dnsmessage.RCodeNameError, []dnsmessage.Resource{dnstest.SOA(10, 3600)}, 10 * time.Second},
		{"not longer than the most", dnsmessage.RCodeNameError, []dnsmessage.Resource{dnstest.SOA(86400, 86400)}, 30 * time.Second},
		{"without a record of the zone", dnsmessage.RCodeNameError, nil, 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := dnstest.New(t, func(q dnsmessage.Message, _ string) []byte {
				m := dnstest.Response(q)
				m.RCode, m.Authorities = c.rcode, c.authority
				return dnstest.Pack(m)
			})
			cache, clock := newCache(t, s)
			r := cache.Resolver()
			missing := func() {
				_, err := r.LookupNetIP(t.Context(), "ip4", "a.test.")
				dns, ok := errors.AsType[*net.DNSError](err)
				require.True(t, ok, err)
				require.True(t, dns.IsNotFound)
			}
			missing()
			clock.advance(c.want - 1)
			missing()
			require.EqualValues(t, 1, s.Queries())
			clock.advance(1)
			missing()
			require.EqualValues(t, 2, s.Queries())
		})
	}
}

func TestCache_forgets_the_troubles_of_a_server(t *testing.T) {
	for _, rcode := range []dnsmessage.RCode{dnsmessage.RCodeServerFailure, dnsmessage.RCodeRefused, dnsmessage.RCodeNotImplemented} {
		var broken atomic.Bool
		broken.Store(true)
		s := dnstest.New(t, func(q dnsmessage.Message, _ string) []byte {
			if broken.Load() {
				m := dnstest.Response(q)
				m.RCode = rcode
				return dnstest.Pack(m)
			}
			return dnstest.Pack(dnstest.Addresses(q, 60, "192.0.2.1"))
		})
		cache, _ := newCache(t, s)
		r := cache.Resolver()
		_, err := r.LookupNetIP(t.Context(), "ip4", "a.test.")
		require.ErrorContains(t, err, "server misbehaving")
		broken.Store(false)
		require.Equal(t, []string{"192.0.2.1"}, lookup(t, r, "a.test."))
	}
}

func TestCache_keeps_no_referral(t *testing.T) {
	s := dnstest.New(t, func(q dnsmessage.Message, _ string) []byte {
		m := dnstest.Response(q)
		m.RecursionAvailable = false
		return dnstest.Pack(m)
	})
	cache, _ := newCache(t, s)
	_, err := cache.Resolver().LookupNetIP(t.Context(), "ip4", "a.test.")
	require.Error(t, err)
	require.Zero(t, cache.Stats().Entries)
}

func TestCache_asks_once_for_a_thousand(t *testing.T) {
	const many = 1000
	release := make(chan struct{})
	s := dnstest.New(t, func(q dnsmessage.Message, _ string) []byte {
		<-release
		return dnstest.Pack(dnstest.Addresses(q, 60, "192.0.2.1"))
	})
	cache, _ := newCache(t, s)
	var all sync.WaitGroup
	for range many {
		r := cache.Resolver() // one each, as a resolver already joins its own equal look-ups
		all.Go(func() {
			addrs, err := r.LookupNetIP(t.Context(), "ip4", "a.test.")
			if err != nil || len(addrs) != 1 {
				t.Errorf("got %v, %v", addrs, err)
			}
		})
	}
	require.Eventually(t, func() bool { return cache.Stats().Misses >= many }, time.Minute, time.Millisecond)
	close(release)
	all.Wait()
	require.EqualValues(t, 1, s.Queries())
	require.EqualValues(t, 1, cache.Stats().Queries)
}

func TestCache_lets_the_resolver_ask_again_by_TCP(t *testing.T) {
	var addrs []string
	for i := range 200 { // 3.2 KB, far too long for UDP
		addrs = append(addrs, fmt.Sprint("192.0.2.", i))
	}
	s := dnstest.New(t, func(q dnsmessage.Message, network string) []byte {
		if network == "udp" {
			m := dnstest.Response(q)
			m.Truncated = true
			return dnstest.Pack(m)
		}
		return dnstest.Pack(dnstest.Addresses(q, 60, addrs...))
	})
	cache, _ := newCache(t, s)
	r := cache.Resolver()
	require.Len(t, lookup(t, r, "a.test."), len(addrs))
	require.EqualValues(t, 1, s.UDP.Load())
	require.EqualValues(t, 1, s.TCP.Load())
	require.Len(t, lookup(t, r, "a.test."), len(addrs))
	require.EqualValues(t, 2, s.Queries(), "what came by TCP is had from memory")
}

func TestCache_waits_for_the_right_answer_by_UDP(t *testing.T) {
	s := dnstest.New(t, func(q dnsmessage.Message, _ string) []byte {
		return dnstest.Pack(dnstest.Addresses(q, 60, "192.0.2.1"))
	})
	cache, _ := newCache(t, s, func(c *Config) {
		c.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			conn, err := s.Dial(ctx, network, "")
			if err != nil {
				return nil, err
			}
			udp, ok := conn.(*net.UDPConn)
			if !ok {
				return nil, errors.New("not UDP")
			}
			return &forged{UDPConn: udp}, nil
		}
	})
	require.Equal(t, []string{"192.0.2.1"}, lookup(t, cache.Resolver(), "a.test."))
}

func TestCache_takes_no_other_answer_by_TCP(t *testing.T) {
	s := dnstest.New(t, func(q dnsmessage.Message, _ string) []byte {
		m := dnstest.Addresses(q, 60, "192.0.2.66")
		m.ID++
		return dnstest.Pack(m)
	})
	cache, _ := newCache(t, s, func(c *Config) {
		c.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return s.Dial(ctx, "tcp", "") }
	})
	_, err := cache.Resolver().LookupNetIP(t.Context(), "ip4", "a.test.")
	require.ErrorContains(t, err, "answered something else than was asked")
	require.Zero(t, cache.Stats().Entries)
}

// forged reads some messages that nobody has asked for before it reads from the server.
type forged struct {
	*net.UDPConn
	query []byte
	count int
}

func (f *forged) Write(b []byte) (int, error) {
	f.query = b
	return f.UDPConn.Write(b)
}

func (f *forged) Read(b []byte) (int, error) {
	var q dnsmessage.Message
	if err := q.Unpack(f.query); err != nil {
		return 0, err
	}
	bad := dnstest.Addresses(q, 60, "192.0.2.66")
	f.count++
	switch f.count {
	case 1:
		bad.ID++
	case 2:
		bad.Questions = []dnsmessage.Question{{Name: dnsmessage.MustNewName("b.test."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}
	case 3:
		bad.Questions = []dnsmessage.Question{{Name: q.Questions[0].Name, Type: dnsmessage.TypeAAAA, Class: dnsmessage.ClassINET}}
	case 4:
		bad.Response = false
	case 5:
		return copy(b, "short"), nil
	default:
		return f.UDPConn.Read(b)
	}
	return copy(b, dnstest.Pack(bad)), nil
}

func TestCache_ends_a_question_with_its_context(t *testing.T) {
	asked := make(chan struct{}, 10)
	s := dnstest.New(t, func(dnsmessage.Message, string) []byte { asked <- struct{}{}; return nil })
	cache, _ := newCache(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	_, err := cache.Resolver().LookupNetIP(ctx, "ip4", "a.test.")
	require.ErrorContains(t, err, "operation was canceled")
	require.Eventually(t, func() bool { return len(cache.slots) == 0 }, time.Minute, time.Millisecond, "the question has been given up")
	require.Zero(t, cache.Stats().Entries)
}

func TestCache_goes_on_for_others_when_the_first_is_called_off(t *testing.T) {
	asked, release := make(chan struct{}, 10), make(chan struct{})
	s := dnstest.New(t, func(q dnsmessage.Message, _ string) []byte {
		asked <- struct{}{}
		<-release
		return dnstest.Pack(dnstest.Addresses(q, 60, "192.0.2.1"))
	})
	cache, _ := newCache(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		_, err := cache.Resolver().LookupNetIP(ctx, "ip4", "a.test.")
		if err == nil {
			t.Error("was called off and has an answer")
		}
	})
	<-asked
	all.Go(func() {
		addrs, err := cache.Resolver().LookupNetIP(t.Context(), "ip4", "a.test.")
		if err != nil || len(addrs) != 1 {
			t.Errorf("got %v, %v", addrs, err)
		}
	})
	require.Eventually(t, func() bool { return cache.Stats().Misses >= 2 }, time.Minute, time.Millisecond)
	cancel()
	require.Eventually(t, func() bool { return cache.Stats().Queries == 2 }, time.Minute, time.Millisecond)
	close(release)
	all.Wait()
}

func TestCache_keeps_a_bounded_number_of_answers(t *testing.T) {
	s := dnstest.New(t, func(q dnsmessage.Message, _ string) []byte {
		return dnstest.Pack(dnstest.Addresses(q, 60, "192.0.2.1"))
	})
	cache, _ := newCache(t, s, func(c *Config) { c.MaxEntries = 10 })
	r := cache.Resolver()
	for i := range 100 {
		lookup(t, r, fmt.Sprint("n", i, ".test."))
	}
	require.Equal(t, 10, cache.Stats().Entries)
	lookup(t, r, "n99.test.")
	require.EqualValues(t, 1, cache.Stats().Hits)
}

func TestCache_does_not_remember_long_answers(t *testing.T) {
	s := dnstest.New(t, func(q dnsmessage.Message, _ string) []byte {
		addrs := make([]string, 300)
		for i := range addrs {
			addrs[i] = "192.0.2.1"
		}
		return dnstest.Pack(dnstest.Addresses(q, 60, addrs...))
	})
	cache, _ := newCache(t, s, func(c *Config) {
		c.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return s.Dial(ctx, "tcp", "") }
	})
	require.Len(t, lookup(t, cache.Resolver(), "a.test."), 300)
	require.Zero(t, cache.Stats().Entries)
}

func TestCache_asks_a_bounded_number_of_questions_at_once(t *testing.T) {
	const most = 4
	var now, over atomic.Int64
	release := make(chan struct{})
	s := dnstest.New(t, func(q dnsmessage.Message, _ string) []byte {
		return dnstest.Pack(dnstest.Addresses(q, 60, "192.0.2.1"))
	})
	cache, _ := newCache(t, s, func(c *Config) {
		c.MaxQueries = most
		c.Dial = func(ctx context.Context, network, server string) (net.Conn, error) {
			if now.Add(1) > most {
				over.Add(1)
			}
			defer now.Add(-1)
			<-release
			return s.Dial(ctx, network, server)
		}
	})
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			if _, err := cache.Resolver().LookupNetIP(t.Context(), "ip4", fmt.Sprint("n", i, ".test.")); err != nil {
				t.Error(err)
			}
		})
	}
	require.Eventually(t, func() bool { return cache.Stats().Misses >= 50 && now.Load() == most }, time.Minute, time.Millisecond)
	close(release)
	all.Wait()
	require.Zero(t, over.Load())
}

func TestCache_keeps_answers_of_different_kinds_apart(t *testing.T) {
	s := dnstest.New(t, func(q dnsmessage.Message, _ string) []byte {
		m := dnstest.Addresses(q, 60, "192.0.2.1")
		if q.Questions[0].Type == dnsmessage.TypeTXT {
			m.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: q.Questions[0].Name, Type: dnsmessage.TypeTXT, Class: dnsmessage.ClassINET, TTL: 60},
				Body:   &dnsmessage.TXTResource{TXT: []string{"text"}},
			}}
		}
		return dnstest.Pack(m)
	})
	cache, _ := newCache(t, s)
	r := cache.Resolver()
	for range 2 {
		require.Equal(t, []string{"192.0.2.1"}, lookup(t, r, "a.test."))
		txt, err := r.LookupTXT(t.Context(), "a.test.")
		require.NoError(t, err)
		require.Equal(t, []string{"text"}, txt)
	}
	require.EqualValues(t, 2, s.Queries())
}

func TestCache_leaves_errors_of_the_connection_as_they_are(t *testing.T) {
	cache, err := New(Config{Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "udp", Err: syscall.ECONNREFUSED}
	}})
	require.NoError(t, err)
	_, err = cache.Resolver().LookupNetIP(t.Context(), "ip4", "a.test.")
	dns, ok := errors.AsType[*net.DNSError](err)
	require.True(t, ok, err)
	require.True(t, dns.IsTemporary)
	require.False(t, dns.IsNotFound)
}

func TestNew_refuses_negative_values(t *testing.T) {
	for _, cfg := range []Config{{MinTTL: -1}, {MaxTTL: -1}, {MaxNegativeTTL: -1}, {MaxEntries: -1}, {MaxQueries: -1}} {
		_, err := New(cfg)
		require.ErrorContains(t, err, "is negative")
	}
	c, err := New(Config{})
	require.NoError(t, err)
	require.Equal(t, 5*time.Minute, c.cfg.MaxTTL)
}

func TestParseQuery_refuses_what_is_not_one_question(t *testing.T) {
	q := dnsmessage.Question{Name: dnsmessage.MustNewName("a.test."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	for _, m := range []dnsmessage.Message{
		{},
		{Questions: []dnsmessage.Question{q, q}},
		{Header: dnsmessage.Header{Response: true}, Questions: []dnsmessage.Question{q}},
		{Header: dnsmessage.Header{OpCode: 5}, Questions: []dnsmessage.Question{q}},
	} {
		_, err := parseQuery(dnstest.Pack(m))
		require.ErrorIs(t, err, errNotAQuery)
	}
	_, err := parseQuery([]byte(strings.Repeat("x", 11)))
	require.ErrorIs(t, err, errNotAQuery)
}
