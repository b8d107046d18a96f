package useragent

import (
	"net/http"
	"time"
)

const (
	// maxHeaderBytes caps the header of a response. Go's default of 10 MiB is a gift to whoever wants to fill the memory.
	maxHeaderBytes = 256 << 10
	// idleTimeout is shorter than that of common servers, so that few requests meet a connection that is just being closed.
	idleTimeout = 50 * time.Second
	// A connection of HTTP/2 that has gone quiet is asked for a sign of life, as one dead connection would hold many requests.
	pingAfter, pingTimeout = 15 * time.Second, 10 * time.Second
)

// newTransport makes the one transport of an agent. It never sets MaxConnsPerHost, which hangs with HTTP/2
// (https://go.dev/issue/34941), and never a proxy, not even that of the environment: the dialer goes through the configured one, so that the
// guard judges the target's addresses and the pool knows connections by their targets.
func newTransport(cfg Config, d *dialer) *http.Transport {
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            d.dial,
		ForceAttemptHTTP2:      true, // not by itself, as the dialer is ours
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		TLSClientConfig:        tlsConfig(cfg),
		TLSHandshakeTimeout:    cfg.ConnectTimeout,
		DisableCompression:     true, // we decode, so that the cap counts decoded bytes
		MaxIdleConns:           2 * max(cfg.Concurrency, cfg.MaxIdleConnsPerHost),
		MaxIdleConnsPerHost:    cfg.MaxIdleConnsPerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}
