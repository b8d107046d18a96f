package fetcher

import (
	"cmp"
	"net/http"

	"github.com/nats-io/nats.go"

	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

// NetConfig says what the built-in operations stand on. The zero value is ready to use.
type NetConfig struct {
	HTTP   useragent.Config
	Broker BrokerConfig
}

// BrokerConfig says what operations may use of the broker.
type BrokerConfig struct {
	Conn     *nats.Conn // nil makes nats.request and object.get fail
	Subjects []string   // that requests may be sent to, with the wildcards of NATS; none unless they are named
	Buckets  []string   // object stores that may be read, beside that of bodies
	Bodies   Bodies     // for objects that are too large to travel along; nil makes them fail as too large
	// InlineBytes is the largest object that travels in the item itself; 0 means 512 KiB.
	InlineBytes int64
}

// Network is what the built-in operations share.
type Network struct {
	agent *useragent.Agent

	broker      *nats.Conn
	subjects    subjects
	buckets     []string
	bodies      Bodies
	inlineBytes int64
}

// NewNetwork makes the network side of the built-in operations. Close it when the last of them has returned.
func NewNetwork(cfg NetConfig) (*Network, error) {
	agent, err := useragent.New(cfg.HTTP)
	if err != nil {
		return nil, err
	}
	prefix := ""
	if cfg.Broker.Conn != nil {
		prefix = cfg.Broker.Conn.Opts.InboxPrefix
	}
	subjects, err := newSubjects(cfg.Broker.Subjects, prefix)
	if err != nil {
		return nil, err
	}
	buckets, err := newBuckets(cfg.Broker.Buckets)
	if err != nil {
		return nil, err
	}
	return &Network{
		agent:  agent,
		broker: cfg.Broker.Conn, subjects: subjects, buckets: buckets,
		bodies: cfg.Broker.Bodies, inlineBytes: cmp.Or(cfg.Broker.InlineBytes, defaultInlineBytes),
	}, nil
}

// Ops returns the built-in operations on this network.
func (n *Network) Ops() ops.Set {
	return ops.NewSet(
		n.httpGet(), n.httpCheck(),
		n.dnsLookup(), n.tcpConnect(), n.tlsCheck(),
		n.natsRequest(), n.objectGet(),
		sleepOp, noopOp,
	)
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
