package fetcher

import (
	"net/http"

	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/credentials"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
	"github.com/fetchmill/fetchmill/services/fetcher/validators"
)

// NetConfig says what the built-in operations stand on. The zero value is ready to use.
type NetConfig struct {
	HTTP useragent.Config
	// Credentials are those that items may name. Nil has none.
	Credentials *credentials.Set
	// Validators are for items that revalidate. Without them everything is fetched whole.
	Validators *validators.Memory
	// Bodies keeps bodies that are too large to travel in the item. Nil has them fail.
	Bodies Bodies
}

// Network is what the built-in operations share.
type Network struct {
	agent       *useragent.Agent
	credentials *credentials.Set
	validators  *validators.Memory // nil if there is none
	bodies      Bodies             // nil if there is none
	pages       pages
}

// NewNetwork makes the network side of the built-in operations. Close it when the last of them has returned.
func NewNetwork(cfg NetConfig) (*Network, error) {
	agent, err := useragent.New(cfg.HTTP)
	if err != nil {
		return nil, err
	}
	return &Network{
		agent: agent, credentials: cfg.Credentials, validators: cfg.Validators, bodies: cfg.Bodies, pages: newPages(),
	}, nil
}

// Ops returns the built-in operations on this network.
func (n *Network) Ops() ops.Set {
	return ops.NewSet(n.httpGet(), n.httpRequest(), n.httpPages(), n.httpCheck(), sleepOp, noopOp)
}

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
