package useragent

import (
	"net/http"

	"github.com/fetchmill/fetchmill/services/fetcher/dnscache"
)

// Agent makes HTTP requests for items. It is safe for concurrent use.
type Agent struct {
	cfg       Config
	names     *dnscache.Cache // not used with a resolver of the configuration's own
	dialer    *dialer
	transport *http.Transport
	windows   *windows
	watch     watch
	// leastInWindow is how many bytes must come in a window of the pace.
	leastInWindow int64
	// plain is the header of requests without headers of their own. It is shared and never written to.
	plain http.Header
}

// New makes an agent. Close it when the last exchange has ended.
func New(cfg Config) (*Agent, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	names, err := dnscache.New(dnscache.Config{})
	if err != nil {
		return nil, err
	}
	if cfg.Resolver == nil {
		cfg.Resolver = names.Resolver()
	}
	d := newDialer(cfg)
	return &Agent{
		cfg:           cfg,
		names:         names,
		dialer:        d,
		transport:     newTransport(cfg, d),
		windows:       newWindows(),
		watch:         watch{every: cfg.MinRateWindow / 8},
		leastInWindow: int64(float64(cfg.MinBytesPerSecond) * cfg.MinRateWindow.Seconds()),
		plain:         http.Header{"User-Agent": {cfg.UserAgent}, "Accept-Encoding": {acceptEncoding}},
	}, nil
}

// Transport returns the transport of the requests, for measurements that compare with it. Redirects, caps and verdicts are not
// its business.
func (a *Agent) Transport() http.RoundTripper { return a.transport }

// Names returns the counts of the cache of name look-ups, all zero with a resolver of the configuration's own.
func (a *Agent) Names() dnscache.Stats { return a.names.Stats() }

// MaxBodyBytes is the most that a body may have.
func (a *Agent) MaxBodyBytes() int64 { return a.cfg.MaxBodyBytes }

// Close closes the idle connections.
func (a *Agent) Close() { a.transport.CloseIdleConnections() }
