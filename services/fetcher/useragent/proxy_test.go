package useragent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fetchmill/fetchmill/internal/netguard"
	"github.com/fetchmill/fetchmill/internal/porttest"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/fetcher/internal/proxytest"
)

func through(p *url.URL) func(*Config) { return func(c *Config) { c.Proxy = p } }

func TestProxy_carries_http_and_https_to_the_address_that_was_judged(t *testing.T) {
	hello := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }
	plain, _ := counted(t, hello, false)
	secure, _ := counted(t, hello, true)
	_, port, err := net.SplitHostPort(plain.Listener.Addr().String())
	require.NoError(t, err)
	for _, c := range []struct{ scheme, user, asks, with string }{
		{"http", "", "CONNECT", ""},
		{"http", "me:p:w", "CONNECT", "Basic bWU6cDp3"},
		{"socks5", "", "SOCKS", ""},
		{"socks5", "me:p:w", "SOCKS", "me:p:w"},
	} {
		t.Run(c.scheme+" "+c.user, func(t *testing.T) {
			p := proxytest.New(t)
			a := agent(t, trusting(secure), through(p.URL(c.scheme, c.user)), func(cfg *Config) {
				cfg.Resolver = nameServer(t, map[string]string{"site.test.": "127.0.0.1"})
			})
			for range 2 {
				out, err := get(t, a, "http://site.test:"+port)
				require.NoError(t, err)
				require.Equal(t, "hello", string(out.Body))
			}
			require.Equal(t, c.asks+" 127.0.0.1:"+port+" "+c.with, <-p.Asked, "the proxy is not told the name")
			out, err := get(t, a, secure.URL)
			require.NoError(t, err)
			require.Equal(t, "HTTP/2.0", out.Fetch.Proto)
			require.Positive(t, out.Fetch.Phases.Connect)
			require.Equal(t, c.asks+" "+secure.Listener.Addr().String()+" "+c.with, <-p.Asked)
			require.Empty(t, p.Asked, "the connection was used again")
		})
	}
}

func TestProxy_does_not_reach_what_the_guard_refuses(t *testing.T) {
	for _, scheme := range []string{"http", "socks5"} {
		p := proxytest.New(t)
		a := agent(t, through(p.URL(scheme, "")), func(cfg *Config) {
			cfg.Resolver = nameServer(t, map[string]string{"inside.test.": "10.1.2.3"})
		})
		for _, target := range []string{"http://127.0.0.2/", "https://[::1]/", "http://inside.test/", "http://169.254.169.254/latest", "https://[::ffff:10.0.0.1]/", "http://[fe80::1%25eth0]/"} {
			_, err := get(t, a, target)
			fails(t, err, events.ReasonForbiddenTarget, false)
			require.ErrorContains(t, err, "--allow-net")
		}
		_, err := get(t, a, "http://missing.test/")
		fails(t, err, events.ReasonDNS, false)
		require.Empty(t, p.Asked)

		_, err = get(t, a, "http://"+p.Addr())
		fails(t, err, events.ReasonForbiddenTarget, false)
		require.ErrorContains(t, err, "it is the proxy's own address")
		require.NotContains(t, err.Error(), "--allow-net")
		require.Empty(t, p.Asked)
	}
}

func TestProxy_of_the_environment_does_not_count(t *testing.T) {
	p := proxytest.New(t)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(name, p.URL("http", "").String())
	}
	a := agent(t, func(cfg *Config) { cfg.Resolver = nameServer(t, map[string]string{"site.test.": "127.0.0.1"}) })
	s := site(t, func(http.ResponseWriter, *http.Request) {})
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	require.NoError(t, err)
	_, err = get(t, a, "http://site.test:"+port) // net/http never uses a proxy for 127.0.0.1 as such
	require.NoError(t, err)
	require.Empty(t, p.Asked)
}

func TestProxy_failures_are_connection_failures_that_name_it(t *testing.T) {
	closed := porttest.FreeAddress(t)
	t.Run("refusals", func(t *testing.T) {
		for _, c := range []struct {
			status    int
			temporary bool
			text      string
		}{
			{403, false, "refused CONNECT to 127.0.0.1:9 with status 403 Forbidden: it must allow CONNECT to IP addresses at port 9"},
			{407, true, "407 Proxy Authentication Required: give its user name and password in --proxy"},
			{404, false, "404 Not Found"},
			{429, true, "429"},
			{502, true, "502 Bad Gateway"},
		} {
			p := proxytest.New(t)
			p.Answer = func(*http.Request) int { return c.status }
			_, err := get(t, agent(t, through(p.URL("http", "me:secret"))), "http://127.0.0.1:9")
			fails(t, err, events.ReasonConnect, c.temporary)
			require.ErrorContains(t, err, "proxy "+p.Addr()+": ")
			require.ErrorContains(t, err, c.text)
			require.NotContains(t, err.Error(), "secret")
		}
		p := proxytest.New(t)
		p.Answer = func(*http.Request) int { return 403 }
		_, err := get(t, agent(t, through(p.URL("socks5", "me:secret"))), "http://127.0.0.1:9")
		fails(t, err, events.ReasonConnect, true)
		require.ErrorContains(t, err, "not allowed by ruleset")
		require.NotContains(t, err.Error(), "secret")
	})
	for name, host := range map[string]string{"nobody listens": closed, "no such name": "proxy.test:3128"} {
		for _, scheme := range []string{"http", "socks5"} {
			t.Run(name+" "+scheme, func(t *testing.T) {
				a := agent(t, through(&url.URL{Scheme: scheme, Host: host}), func(cfg *Config) { cfg.Resolver = nameServer(t, nil) })
				_, err := get(t, a, "http://127.0.0.1:9")
				fails(t, err, events.ReasonConnect, true)
				require.ErrorContains(t, err, "proxy "+host+": connect to it: ")
			})
		}
	}
	for name, says := range map[string]string{"not HTTP": "SSH-2.0-x\r\n\r\n", "nothing": "", "an endless header": strings.Repeat("X: y\r\n", 10_000)} {
		t.Run(name, func(t *testing.T) {
			at, err := url.Parse(raw(t, saying(says)))
			require.NoError(t, err)
			_, err = get(t, agent(t, through(at)), "http://127.0.0.1:9")
			fails(t, err, events.ReasonConnect, true)
			require.ErrorContains(t, err, "read its answer")
		})
	}
	t.Run("it never answers", func(t *testing.T) {
		p := proxytest.New(t)
		p.Answer = func(*http.Request) int { return 0 }
		_, err := get(t, agent(t, through(p.URL("http", "")), func(cfg *Config) { cfg.ConnectTimeout = 50 * time.Millisecond }), "http://127.0.0.1:9")
		fails(t, err, events.ReasonTimeout, true)
		require.ErrorContains(t, err, "proxy ")
	})
}

func saying(text string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, text) }
}

func TestDial(t *testing.T) {
	greeting := raw(t, saying("pong"))[len("http://"):]
	p := proxytest.New(t)
	p.Greets = "early "
	for name, a := range map[string]*Agent{"direct": agent(t), "proxy": agent(t, through(p.URL("http", "")))} {
		t.Run(name+" carries bytes", func(t *testing.T) {
			c, err := a.Dial(t.Context(), "tcp", greeting)
			require.NoError(t, err)
			defer c.Close()
			_, err = io.WriteString(c, "ping")
			require.NoError(t, err)
			got, err := io.ReadAll(c)
			require.NoError(t, err)
			require.Equal(t, map[string]string{"direct": "pong", "proxy": "early pong"}[name], string(got), "what comes with the proxy's answer is not lost")
		})
		t.Run(name+" is guarded", func(t *testing.T) {
			_, err := a.Dial(t.Context(), "tcp", "127.0.0.2:80")
			require.ErrorIs(t, err, netguard.ErrRefused)
			fails(t, DialFailure(t.Context(), err), events.ReasonForbiddenTarget, false)
		})
		t.Run(name+" refuses what is no address", func(t *testing.T) {
			for _, address := range []string{"127.0.0.1", "127.0.0.1:x y", "127.0.0.1:70000", ""} {
				_, err := a.Dial(t.Context(), "tcp", address)
				require.Error(t, err)
			}
		})
	}
	t.Run("a proxy carries TCP only", func(t *testing.T) {
		_, err := agent(t, through(p.URL("http", ""))).Dial(t.Context(), "udp", "127.0.0.1:53")
		require.ErrorContains(t, err, "carries TCP only")
	})
	t.Run("verdicts", func(t *testing.T) {
		fails(t, DialFailure(t.Context(), &net.DNSError{IsNotFound: true}), events.ReasonDNS, false)
		fails(t, DialFailure(t.Context(), errors.New("strange")), events.ReasonConnect, true)
		fails(t, DialFailure(t.Context(), context.DeadlineExceeded), events.ReasonTimeout, true)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.Equal(t, context.Canceled, DialFailure(ctx, io.EOF))
	})
}

func TestParseProxy(t *testing.T) {
	for _, s := range []string{"http://proxy:3128", "http://proxy:3128/", "socks5://u:p@[::1]:1080", "http://u:p%40%2F@10.0.0.1:1"} {
		_, err := ParseProxy(s)
		require.NoError(t, err, s)
	}
	for s, text := range map[string]string{
		"proxy:3128":                 "is not supported",
		"":                           "is not supported",
		"https://proxy:443":          "is not supported",
		"socks5h://proxy:1080":       "write socks5",
		"http://proxy":               "port is missing",
		"http://proxy:0":             "port is missing",
		"http://:3128":               "host is missing",
		"http://proxy:3128/x":        "nothing after the port",
		"http://proxy:3128?x":        "nothing after the port",
		"http://u%3A:secret@proxy:1": "colon",
		"socks5://u:@proxy:1":        "1 to 255 bytes",
		"socks5://secret@proxy:1":    "1 to 255 bytes",
		"http://u:secret/x@proxy:1":  "not a URL",
		"http://u:%zzsecret@proxy:1": "not a URL",
	} {
		_, err := ParseProxy(s)
		require.ErrorContains(t, err, text, s)
		require.NotContains(t, err.Error(), "secret")
	}
	_, err := New(Config{Proxy: &url.URL{Scheme: "ftp", Host: "x:1"}})
	require.ErrorContains(t, err, `network settings: proxy: scheme "ftp"`)
}

func FuzzParseProxy(f *testing.F) {
	for _, s := range []string{"http://u:p@proxy:3128", "socks5://[::1%25lo]:1", "http://proxy:3128/?#", "://", "http://u:%@x:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseProxy(s)
		if err != nil {
			return
		}
		require.NotEmpty(t, u.Hostname())
		require.NotEmpty(t, u.Port())
		require.NoError(t, checkProxy(u))
	})
}

func TestRace(t *testing.T) {
	targets := func(list ...string) []netip.AddrPort {
		var all []netip.AddrPort
		for _, s := range list {
			all = append(all, netip.MustParseAddrPort(s))
		}
		return all
	}
	t.Run("takes families by turns, beginning with the first", func(t *testing.T) {
		require.Equal(t, targets("[2001:db8::1]:1", "192.0.2.1:1", "[2001:db8::2]:1", "192.0.2.2:1", "192.0.2.3:1"),
			byTurns(targets("[2001:db8::1]:1", "[2001:db8::2]:1", "192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1")))
		require.Equal(t, targets("192.0.2.1:1", "[2001:db8::1]:1"), byTurns(targets("192.0.2.1:1", "[2001:db8::1]:1")))
	})
	t.Run("goes on when one fails, and tells of the first", func(t *testing.T) {
		var tried atomic.Int64
		_, err := race(t.Context(), targets("192.0.2.1:1", "192.0.2.2:1"), func(_ context.Context, a netip.AddrPort) (net.Conn, error) {
			tried.Add(1)
			return nil, errors.New(a.String())
		})
		require.EqualError(t, err, "192.0.2.1:1")
		require.EqualValues(t, 2, tried.Load())
	})
	t.Run("does not wait for one that hangs", func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		c, err := race(t.Context(), targets("192.0.2.1:1", "192.0.2.2:1"), func(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
			if a.Addr().String() == "192.0.2.1" {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return ours, nil
		})
		require.NoError(t, err)
		require.NoError(t, c.Close())
	})
	t.Run("closes what comes second", func(t *testing.T) {
		ours, theirs := net.Pipe()
		second, other := net.Pipe()
		defer theirs.Close()
		c, err := race(t.Context(), targets("192.0.2.1:1", "192.0.2.2:1"), func(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
			if a.Addr().String() == "192.0.2.1" {
				<-ctx.Done()
				return second, nil
			}
			return ours, nil
		})
		require.NoError(t, err)
		require.NoError(t, c.Close())
		_, err = other.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
	})
	t.Run("tries a bounded number", func(t *testing.T) {
		var tried atomic.Int64
		many := make([]netip.AddrPort, 1000)
		for i := range many {
			many[i] = netip.MustParseAddrPort("192.0.2.1:1")
		}
		_, err := race(t.Context(), many, func(context.Context, netip.AddrPort) (net.Conn, error) { tried.Add(1); return nil, io.EOF })
		require.ErrorIs(t, err, io.EOF)
		require.EqualValues(t, maxAttempts, tried.Load())
	})
}
