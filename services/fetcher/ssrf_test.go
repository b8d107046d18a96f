package fetcher

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/fetchmill/fetchmill/internal/netguard"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/dnscache"
	"github.com/fetchmill/fetchmill/services/fetcher/internal/dnstest"
	"github.com/fetchmill/fetchmill/services/fetcher/internal/proxytest"
)

// town is a server at all addresses of this machine. In some tests 127.0.0.1 stands for a public address; whoever comes by another
// one has got past the guard.
type town struct {
	port           string
	front, canary  atomic.Int64 // connections to 127.0.0.1 and to all other addresses
	redirectStatus atomic.Int64
	redirectTo     atomic.Pointer[string]
}

func newTown(t *testing.T) *town {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	require.NoError(t, err)
	w := &town{port: strconv.Itoa(l.Addr().(*net.TCPAddr).Port)}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Connection", "close") // so that each request dials
		if to := w.redirectTo.Load(); to != nil && r.URL.Path != "/end" {
			rw.Header().Set("Location", *to)
			rw.WriteHeader(int(w.redirectStatus.Load()))
		}
	}))
	s.Listener.Close()
	s.Listener = l
	s.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state != http.StateNew {
			return
		}
		if at := c.LocalAddr().(*net.TCPAddr).AddrPort().Addr().Unmap(); at == netip.MustParseAddr("127.0.0.1") {
			w.front.Add(1)
		} else {
			w.canary.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return w
}

func (w *town) redirects(status int, to string) {
	w.redirectStatus.Store(int64(status))
	w.redirectTo.Store(&to)
}

// names is a name server that answers with what addrs says for the n-th query for A records, beginning with 1.
func names(t *testing.T, addrs func(name string, n int64) []string) *dnstest.Server {
	t.Helper()
	var asked atomic.Int64
	return dnstest.New(t, func(q dnsmessage.Message, _ string) []byte {
		var list []string
		if q.Questions[0].Type == dnsmessage.TypeA {
			list = addrs(q.Questions[0].Name.String(), asked.Add(1))
		}
		return dnstest.Pack(dnstest.Addresses(q, 0, list...))
	})
}

func uncached(s *dnstest.Server) *net.Resolver { return &net.Resolver{PreferGo: true, Dial: s.Dial} }

func cached(t testing.TB, s *dnstest.Server) *net.Resolver {
	t.Helper()
	c, err := dnscache.New(dnscache.Config{Dial: s.Dial})
	require.NoError(t, err)
	return c.Resolver()
}

// everyWay runs a test with direct connections and with both kinds of proxy. The proxy, if any, is there to be asked what it was asked for.
func everyWay(t *testing.T, test func(t *testing.T, proxy *url.URL, p *proxytest.Proxy)) {
	t.Helper()
	for _, scheme := range []string{"direct", "http", "socks5"} {
		t.Run(scheme, func(t *testing.T) {
			p := proxytest.New(t)
			if scheme == "direct" {
				test(t, nil, p)
			} else {
				test(t, p.URL(scheme, ""), p)
			}
		})
	}
}

func allowing(t *testing.T, proxy *url.URL, r *net.Resolver, allow []string, own ...string) func(*NetConfig) {
	t.Helper()
	prefixes, err := netguard.ParseAllow(allow)
	require.NoError(t, err)
	servers, err := netguard.Servers(own...)
	require.NoError(t, err)
	g, err := netguard.New(prefixes, servers)
	require.NoError(t, err)
	return func(c *NetConfig) { c.HTTP.Guard, c.HTTP.Proxy, c.HTTP.Resolver = g, proxy, r }
}

// refused requires that an operation did not get anywhere, and says so.
func refused(t *testing.T, n *Network, target string) {
	t.Helper()
	for _, op := range []string{"http.get", "http.check"} {
		out, err := run(t.Context(), t, n, op, args{"url": target})
		leadsNowhere(t, err)
		require.Nil(t, out.Body)
	}
}

// leadsNowhere requires a final failure. A number is no name for Go's resolver and is not even looked up.
func leadsNowhere(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	f := ops.AsFailure(err)
	require.Contains(t, []events.Reason{events.ReasonForbiddenTarget, events.ReasonInvalidParameter, events.ReasonDNS}, f.Reason, err)
	require.False(t, f.Temporary, err)
}

func TestGuard_the_canary_can_be_reached_when_all_is_allowed(t *testing.T) {
	everyWay(t, func(t *testing.T, proxy *url.URL, _ *proxytest.Proxy) {
		w := newTown(t)
		n := network(t, allowing(t, proxy, nil, []string{"127.0.0.0/8"}))
		for _, host := range []string{"127.0.0.1", "127.0.0.2"} {
			_, err := get(t, n, args{"url": "http://" + host + ":" + w.port})
			require.NoError(t, err)
		}
		require.EqualValues(t, 1, w.front.Load())
		require.EqualValues(t, 1, w.canary.Load())
	})
}

func TestGuard_refuses_every_spelling_of_this_machine(t *testing.T) {
	everyWay(t, func(t *testing.T, proxy *url.URL, p *proxytest.Proxy) {
		w := newTown(t)
		// The worst name server: it reads numbers as the C library does, so that any name is this machine.
		s := names(t, func(string, int64) []string { return []string{"127.0.0.1"} })
		n := network(t, allowing(t, proxy, cached(t, s), nil))
		for _, host := range []string{
			"127.0.0.1", "127.0.0.2", "127.1", "127.0.1", "0", "0.0.0.0", "127.0.0.1.", "127.000.000.001",
			"0x7f.1", "0x7f.0x0.0x0.0x1", "0x7f000001", "2130706433", "0177.0.0.1", "017700000001", "00000177.1", "127.0.0.1.nip-like.test",
			"localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "①②⑦.⓪.⓪.①", "127。0。0。1", "１２７.0.0.1", "ⓛocalhost",
			"[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::1%25lo]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]",
			"[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::127.0.0.1]", "[2002:7f00:1::]", "[2001:0:7f00:1::80ff:fffe]", "[fe80::1%25lo]",
			"user@127.0.0.1", "1.1.1.1@127.0.0.1", "127.0.0.1:80@127.0.0.1",
			"169.254.169.254", "168.63.129.16", "[fd00:ec2::254]", "10.0.0.1", "[::ffff:169.254.169.254]",
		} {
			refused(t, n, "http://"+host+":"+w.port+"/")
			refused(t, n, "https://"+host+":"+w.port+"/")
		}
		require.Zero(t, w.front.Load())
		require.Zero(t, w.canary.Load())
		require.Empty(t, p.Asked)
	})
}

func TestGuard_refuses_the_broker_s_address_whatever_is_allowed(t *testing.T) {
	everyWay(t, func(t *testing.T, proxy *url.URL, p *proxytest.Proxy) {
		w := newTown(t)
		s := names(t, func(string, int64) []string { return []string{"127.0.0.1"} })
		n := network(t, allowing(t, proxy, cached(t, s), []string{"0.0.0.0/0", "::/0"}, "127.0.0.1:"+w.port))
		for _, host := range []string{"127.0.0.1", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "[64:ff9b::127.0.0.1]", "broker.test", "2130706433"} {
			refused(t, n, "http://"+host+":"+w.port+"/")
		}
		require.Zero(t, w.front.Load())
		require.Zero(t, w.canary.Load())
		require.Empty(t, p.Asked)
	})
}

func TestGuard_is_not_misled_by_a_name_that_changes(t *testing.T) {
	const front, inside = "127.0.0.1", "127.0.0.2"
	first := func(a, then string) func(string, int64) []string {
		return func(_ string, n int64) []string {
			if n == 1 {
				return []string{a}
			}
			return []string{then}
		}
	}
	everyWay(t, func(t *testing.T, proxy *url.URL, p *proxytest.Proxy) {
		t.Run("public first and forbidden then", func(t *testing.T) {
			w := newTown(t)
			n := network(t, allowing(t, proxy, uncached(names(t, first(front, inside))), []string{front}))
			_, err := get(t, n, args{"url": "http://rebind.test.:" + w.port})
			require.NoError(t, err)
			_, err = get(t, n, args{"url": "http://rebind.test.:" + w.port})
			fails(t, err, events.ReasonForbiddenTarget, false)
			require.ErrorContains(t, err, "loopback address (127.0.0.0/8)")
			require.ErrorContains(t, err, "--allow-net 127.0.0.2/32")
			require.Zero(t, w.canary.Load())
		})
		t.Run("in the midst of a redirect to itself", func(t *testing.T) {
			w := newTown(t)
			w.redirects(http.StatusFound, "/end")
			n := network(t, allowing(t, proxy, uncached(names(t, first(front, inside))), []string{front}))
			_, err := get(t, n, args{"url": "http://rebind.test.:" + w.port})
			fails(t, err, events.ReasonForbiddenTarget, false)
			require.EqualValues(t, 1, w.front.Load())
			require.Zero(t, w.canary.Load())
		})
		t.Run("with the cache it does not even change", func(t *testing.T) {
			w := newTown(t)
			n := network(t, allowing(t, proxy, cached(t, names(t, first(front, inside))), []string{front}))
			for range 3 {
				_, err := get(t, n, args{"url": "http://rebind.test.:" + w.port})
				require.NoError(t, err)
			}
			require.Zero(t, w.canary.Load())
		})
		t.Run("a cached forbidden address stays forbidden", func(t *testing.T) {
			w := newTown(t)
			n := network(t, allowing(t, proxy, cached(t, names(t, first(inside, front))), []string{front}))
			for range 3 {
				_, err := get(t, n, args{"url": "http://rebind.test.:" + w.port})
				fails(t, err, events.ReasonForbiddenTarget, false)
			}
			require.Zero(t, w.front.Load()+w.canary.Load())
		})
		t.Run("both in one answer", func(t *testing.T) {
			for _, answer := range [][]string{{front, inside}, {inside, front}} {
				w := newTown(t)
				n := network(t, allowing(t, proxy, uncached(names(t, func(string, int64) []string { return answer })), []string{front}))
				for range 10 {
					_, err := get(t, n, args{"url": "http://rebind.test.:" + w.port})
					require.NoError(t, err, "the other one is good")
				}
				require.EqualValues(t, 10, w.front.Load())
				require.Zero(t, w.canary.Load())
			}
		})
		t.Run("all the time", func(t *testing.T) {
			w := newTown(t)
			n := network(t, allowing(t, proxy, uncached(names(t, func(_ string, n int64) []string {
				return [][]string{{front}, {inside}, {inside, front}}[n%3]
			})), []string{front}))
			for range 60 {
				if _, err := get(t, n, args{"url": "http://rebind.test.:" + w.port}); err != nil {
					fails(t, err, events.ReasonForbiddenTarget, false)
				}
			}
			require.Positive(t, w.front.Load())
			require.Zero(t, w.canary.Load())
		})
		for len(p.Asked) > 0 {
			require.Contains(t, <-p.Asked, " "+front+":")
		}
	})
}

func TestGuard_is_not_misled_by_redirects(t *testing.T) {
	everyWay(t, func(t *testing.T, proxy *url.URL, p *proxytest.Proxy) {
		w := newTown(t)
		s := names(t, func(name string, _ int64) []string {
			if name == "front.test." {
				return []string{"127.0.0.1"}
			}
			return []string{"127.0.0.2"}
		})
		n := network(t, allowing(t, proxy, cached(t, s), []string{"127.0.0.1"}))
		for _, status := range []int{301, 302, 303, 307, 308} {
			for _, to := range []string{
				"http://127.0.0.2:%s/", "//127.0.0.2:%s/", "https://127.0.0.2:%s/", "http://[::1]:%s/", "//[::ffff:127.0.0.2]:%s/x", "http://[::]:%s/",
				"http://inside.test.:%s/", "http://0x7f.2:%s/", "http://2130706434:%s/", "http://①②⑦.⓪.⓪.②:%s/", "http://127.0.0.2.:%s",
				"http://front.test@127.0.0.2:%s/", "http://front.test:80@127.0.0.1:%s/", "http://169.254.169.254/?%s", "http://[64:ff9b::7f00:2]:%s/",
				"file:///etc/passwd?%s", "gopher://127.0.0.2:%s/",
			} {
				w.redirects(status, fmt.Sprintf(to, w.port))
				out, err := get(t, n, args{"url": "http://front.test.:" + w.port})
				leadsNowhere(t, err)
				require.Nil(t, out.Body)
			}
		}
		w.redirects(http.StatusFound, "/end")
		_, err := get(t, n, args{"url": "http://front.test.:" + w.port})
		require.NoError(t, err, "others are followed")
		require.Zero(t, w.canary.Load())
		for len(p.Asked) > 0 {
			require.Contains(t, <-p.Asked, " 127.0.0.1:")
		}
	})
}
