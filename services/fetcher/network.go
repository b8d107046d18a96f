package fetcher

import (
	"net/http"

	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Network is what the built-in operations share: one transport with its pool of connections.
type Network struct {
	cfg       NetConfig
	transport *http.Transport
	// plain is the header of requests without headers of their own. It is shared and never written to.
	plain http.Header
}

// NewNetwork makes the network side of the built-in operations. Close it when the last of them has returned.
func NewNetwork(cfg NetConfig) (*Network, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Network{
		cfg:       cfg,
		transport: newTransport(cfg),
		plain:     http.Header{"User-Agent": {cfg.UserAgent}, "Accept-Encoding": {acceptEncoding}},
	}, nil
}

// Ops returns the built-in operations on this network.
func (n *Network) Ops() ops.Set { return ops.NewSet(n.httpGet(), n.httpCheck(), sleepOp, noopOp) }

// Transport returns the transport of the operations, for measurements that compare with it. Redirects, caps and verdicts are not
// its business.
func (n *Network) Transport() http.RoundTripper { return n.transport }

// Close closes the idle connections.
func (n *Network) Close() { n.transport.CloseIdleConnections() }

// Builtin returns the built-in operations on a network of their own, for programs that use them until they end.
func Builtin(cfg NetConfig) (ops.Set, error) {
	n, err := NewNetwork(cfg)
	if err != nil {
		return nil, err
	}
	return n.Ops(), nil
}
