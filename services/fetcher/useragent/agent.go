package useragent

import (
	"net/http"
)

// Agent makes HTTP requests for items. It is safe for concurrent use.
type Agent struct {
	cfg       Config
	transport *http.Transport
	windows   *windows
	// plain is the header of requests without headers of their own. It is shared and never written to.
	plain http.Header
}

// New makes an agent. Close it when the last exchange has ended.
func New(cfg Config) (*Agent, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Agent{
		cfg:       cfg,
		transport: newTransport(cfg),
		windows:   newWindows(),
		plain:     http.Header{"User-Agent": {cfg.UserAgent}, "Accept-Encoding": {acceptEncoding}},
	}, nil
}

// Transport returns the transport of the requests, for measurements that compare with it. Redirects, caps and verdicts are not
// its business.
func (a *Agent) Transport() http.RoundTripper { return a.transport }

// Close closes the idle connections.
func (a *Agent) Close() { a.transport.CloseIdleConnections() }
