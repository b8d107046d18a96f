package fetcher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fetchmill/fetchmill/pkg/ops"
	"github.com/fetchmill/fetchmill/services/fetcher/credentials"
	"github.com/fetchmill/fetchmill/services/fetcher/dnscache"
	"github.com/fetchmill/fetchmill/services/fetcher/files"
	"github.com/fetchmill/fetchmill/services/fetcher/politeness"
	"github.com/fetchmill/fetchmill/services/fetcher/queries"
	"github.com/fetchmill/fetchmill/services/fetcher/robots"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
	"github.com/fetchmill/fetchmill/services/fetcher/validators"
)

// NetConfig says what the built-in operations stand on. The zero value is ready to use. Network closes nothing of it.
type NetConfig struct {
	HTTP       useragent.Config
	Politeness politeness.Config // by default there are no fixed limits, and no other fetchers
	Robots     robots.Config
	// Credentials are those that items may name. Nil has none.
	Credentials *credentials.Set
	// Validators are for items that revalidate. Without them everything is fetched whole.
	Validators *validators.Memory
	// Files are the folders of file.read and file.write; nil has none, so that they refuse everything.
	Files *files.Roots
	// Queries is the catalogue of sql.query; nil has none, so that it refuses everything.
	Queries *queries.Catalogue
	// Broker is what operations may use of the broker.
	Broker BrokerConfig
	// Bodies keeps bodies that are too large to travel in the item. Nil has them fail as too large.
	Bodies Bodies
	// InlineBytes is the largest body that travels in the item itself; 0 means 512 KiB.
	InlineBytes int64
}

// BrokerConfig says what operations may use of the broker.
type BrokerConfig struct {
	Conn     *nats.Conn // nil makes nats.request and object.get fail
	Subjects []string   // that requests may be sent to, with the wildcards of NATS; none unless they are named
	Buckets  []string   // object stores that may be read, beside that of bodies
}

// Network is what the built-in operations share.
type Network struct {
	cfg      NetConfig
	agent    *useragent.Agent
	polite   *politeness.Politeness
	robots   *robots.Cache
	pages    pages
	subjects subjects
	buckets  []string
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
	cfg.InlineBytes = cmp.Or(cfg.InlineBytes, inlineBytes)
	return &Network{
		cfg: cfg, agent: agent, polite: polite, robots: rules, pages: newPages(), subjects: subjects, buckets: buckets,
	}, nil
}

// Run keeps in touch with the other fetchers about how polite to be, until ctx ends. End it after the last operation.
func (n *Network) Run(ctx context.Context) error { return n.polite.Run(ctx) }

// Politeness is what the operations ask for their turns at hosts.
func (n *Network) Politeness() *politeness.Politeness { return n.polite }

// Ops returns the built-in operations on this network.
func (n *Network) Ops() ops.Set {
	return ops.NewSet(
		n.httpGet(), n.httpRequest(), n.httpPages(), n.httpCheck(),
		n.dnsLookup(), n.tcpConnect(), n.tlsCheck(),
		n.natsRequest(), n.objectGet(),
		n.fileRead(), n.fileWrite(), n.sqlQuery(),
		sleepOp, noopOp,
	)
}

// Register makes the metrics of what the operations share known.
func (n *Network) Register(reg prometheus.Registerer) error {
	lookups := func(result string, count func(dnscache.Stats) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "fetchmill_fetcher_dns_lookups_total", Help: "Look-ups of names by where the answer came from.",
			ConstLabels: prometheus.Labels{"result": result},
		}, func() float64 { return float64(count(n.agent.Names())) })
	}
	err := errors.Join(
		reg.Register(lookups("hit", func(s dnscache.Stats) uint64 { return s.Hits })),
		reg.Register(lookups("miss", func(s dnscache.Stats) uint64 { return s.Misses })),
	)
	if err != nil {
		return fmt.Errorf("metrics of the fetcher: %w", err)
	}
	return nil
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
