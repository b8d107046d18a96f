package useragent

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/netguard"
)

// Config says how the operations use the network. The zero value is ready to use; zero fields mean the defaults.
type Config struct {
	// Guard judges every address before it is dialled. Nil refuses all that are not public.
	Guard *netguard.Guard `kong:"-"`
	// UserAgent introduces fetchmill to servers; by default "fetchmill/<version> (+<where to find it>)".
	UserAgent string `help:"User-Agent header of requests."`
	// InlineBytes is how large a body in memory may be, decoded; larger ones are streams, for operations that can take them. Twice
	// 512 KiB would, in base64, no longer fit in one message of NATS.
	InlineBytes int64 `help:"Largest body in memory, in bytes." default:"524288"`
	// MaxBodyBytes caps every body, decoded.
	MaxBodyBytes int64 `help:"Largest body in bytes." default:"67108864"`
	// MinBytesPerSecond is how fast an answer has to come, once it has begun, on the average of each MinRateWindow of waiting for it: its
	// body in bytes as they are sent; its header has to be whole within one window. 1 means hardly any limit.
	MinBytesPerSecond int64 `help:"Slowest answer in bytes per second." default:"100"`
	// MinRateWindow is the time over which that is measured.
	MinRateWindow time.Duration `help:"Time over which the slowest answer is measured." default:"20s"`
	// MaxRetryAfter caps how long a server can make an item wait by Retry-After.
	MaxRetryAfter time.Duration `help:"Longest wait that a server can ask for." default:"1m"`
	// MaxRedirects is how many redirects are followed.
	MaxRedirects int `help:"Most redirects that are followed." default:"10"`
	// Concurrency is how many requests are in flight at most. It sizes the pool of idle connections and limits nothing.
	Concurrency int `kong:"-" default:"1024"`
	// MaxIdleConnsPerHost is how many idle connections are kept for one host; by default all that Concurrency can need.
	MaxIdleConnsPerHost int `kong:"-"`
	// ConnectTimeout is for the TCP connection with name resolution, and again for the TLS handshake.
	ConnectTimeout time.Duration `help:"Time to connect, and again for TLS." default:"10s"`
	// RootCAs are the certificate authorities that are trusted; nil means the system's.
	RootCAs *x509.CertPool `kong:"-"`
	// Proxy carries all connections of items: http://HOST:PORT by CONNECT, or socks5://HOST:PORT, with credentials if it wants them
	// (see ParseProxy). Names are resolved here, and the proxy gets IP addresses that the guard has let through. Nil means none: the
	// environment does not count.
	Proxy *url.URL `kong:"-"`
	// Resolver looks up names; nil means Go's own, which unlike the C library's can be cancelled and uses no thread per look-up,
	// with a cache of its own (see package dnscache).
	Resolver *net.Resolver `kong:"-"`
}

// Validate reports all faults at once.
func (c Config) Validate() error {
	var faults []error
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"largest body in memory", c.InlineBytes},
		{"largest body", c.MaxBodyBytes},
		{"slowest answer", c.MinBytesPerSecond},
		{"time of the slowest answer", int64(c.MinRateWindow)},
		{"longest Retry-After", int64(c.MaxRetryAfter)},
		{"most redirects", int64(c.MaxRedirects)},
		{"concurrency", int64(c.Concurrency)},
		{"idle connections per host", int64(c.MaxIdleConnsPerHost)},
		{"connect timeout", int64(c.ConnectTimeout)},
	} {
		if f.value < 0 {
			faults = append(faults, fmt.Errorf("network settings: %s must not be negative, or 0 for the default: %d", f.name, f.value))
		}
	}
	if !validHeaderValue(c.UserAgent) {
		faults = append(faults, fmt.Errorf("network settings: user agent %.80q cannot stand in a header", c.UserAgent))
	}
	if c.Proxy != nil {
		if err := checkProxy(c.Proxy); err != nil {
			faults = append(faults, fmt.Errorf("network settings: %w", err))
		}
	}
	return errors.Join(faults...)
}

func (c Config) withDefaults() (Config, error) {
	if err := c.Validate(); err != nil {
		return c, err
	}
	if c.Guard == nil {
		g, err := netguard.New(nil, nil)
		if err != nil {
			return c, err
		}
		c.Guard = g
	}
	if c.UserAgent == "" {
		c.UserAgent = "fetchmill/" + host.Version() + " (+https://github.com/fetchmill/fetchmill)"
	}
	orDefault(&c.InlineBytes, 512<<10)
	orDefault(&c.MaxBodyBytes, 64<<20)
	orDefault(&c.MinBytesPerSecond, 100)
	orDefault(&c.MinRateWindow, 20*time.Second)
	orDefault(&c.MaxRetryAfter, time.Minute)
	orDefault(&c.MaxRedirects, 10)
	orDefault(&c.Concurrency, 1024)
	orDefault(&c.MaxIdleConnsPerHost, c.Concurrency)
	orDefault(&c.ConnectTimeout, 10*time.Second)
	return c, nil
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
