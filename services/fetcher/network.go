package fetcher

import (
	"context"
	"net/http"

	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/politeness"
	"github.com/fetchmill/fetchmill/services/fetcher/robots"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

// NetConfig says what the built-in operations stand on. The zero value is ready to use.
type NetConfig struct {
	HTTP       useragent.Config
	Politeness politeness.Config // by default there are no fixed limits, and no other fetchers
	Robots     robots.Config
}

// Network is what the built-in operations share.
type Network struct {
	agent  *useragent.Agent
	polite *politeness.Politeness
	robots *robots.Cache
}

// NewNetwork makes the network side of the built-in operations. Close it when the last of them has returned.
func NewNetwork(cfg NetConfig) (*Network, error) {
	polite, err := politeness.New(cfg.Politeness)
	if err != nil {
		return nil, err
	}
	cfg.Robots.Passing = passing
	rules, err := robots.NewCache(cfg.Robots)
	if err != nil {
		return nil, err
	}
	agent, err := useragent.New(cfg.HTTP)
	if err != nil {
		return nil, err
	}
	return &Network{agent: agent, polite: polite, robots: rules}, nil
}

// Run keeps in touch with the other fetchers about how polite to be, until ctx ends. End it after the last operation.
func (n *Network) Run(ctx context.Context) error { return n.polite.Run(ctx) }

// Politeness is what the operations ask for their turns at hosts.
func (n *Network) Politeness() *politeness.Politeness { return n.polite }

// Ops returns the built-in operations on this network.
func (n *Network) Ops() ops.Set { return ops.NewSet(n.httpGet(), n.httpCheck(), sleepOp, noopOp) }

// Transport returns the transport of the HTTP operations, for measurements that compare with it. Redirects, caps and verdicts are not
// its business.
func (n *Network) Transport() http.RoundTripper { return n.agent.Transport() }

// Close closes the idle connections.
func (n *Network) Close() { n.agent.Close() }

// Builtin returns the built-in operations on a network of their own, for programs that use them until they end.
func Builtin(cfg NetConfig) (ops.Set, error) {
	n, err := NewNetwork(cfg)
	if err != nil {
		return nil, err
	}
	return n.Ops(), nil
}
