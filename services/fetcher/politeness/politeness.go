// Package politeness decides when a request to a host may start, so that no host gets more than it bears and no host that is slow
// or dead costs the others anything. Every request asks for its turn and says afterwards how the host took it.
//
//	turn, err := p.Ask(ctx, politeness.HostOf(u), politeness.Wish{Delay: delay}, in.Park)
//	if err != nil {
//		return err // *Later, *Broken or the context's
//	}
//	resp, err := fetch(u)
//	turn.Done(politeness.Outcome{Result: politeness.Answered})
//
// A limit holds for all fetchers together: each takes its share of it, which follows from the host's name and the fetchers that are
// there (see share.go). They hear of each other on a Bus. ADR 0008 says why.
package politeness

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/nats-io/nuid"
	"github.com/prometheus/client_golang/prometheus"
)

// Limit is what a host is asked at most, by all fetchers together. Zero means no fixed limit.
type Limit struct {
	Concurrency int     // requests at the same time
	Rate        float64 // starts per second
	// Own hosts belong to the operator, who knows what they bear: their first answer earns them all concurrency, and being Unavailable
	// does not slow them down.
	Own bool
}

// Config says how polite to be. The zero value is a fetcher that is alone, with no fixed limits; zero fields mean the defaults.
type Config struct {
	// Limits gives the limits of a host, which has the form of HostOf. It is asked once per host until the host is forgotten, must be
	// quick, and must give the same answer in all fetchers. Nil means that all hosts are Own.
	Limits func(host string) Limit

	MaxWait     time.Duration // longer expected waits are answered with Later; by default 10 s
	MaxPause    time.Duration // longest that a host can make us wait with Retry-After; by default 1 min
	MaxLater    time.Duration // longest After of a Later; by default 2 min
	HostWaiting int           // requests that wait for one host at most; by default 256
	Waiting     int           // and for all hosts together; by default 4096
	MaxHosts    int           // hosts that are remembered at most; by default 100,000
	Forget      time.Duration // how long a host that nobody asks for is remembered; by default 5 min

	BreakAfter int           // unanswered requests in a row that open a host's circuit; by default 5
	BreakFirst time.Duration // how long it is open at first; by default 5 s
	BreakMost  time.Duration // each failed trial doubles that up to here; by default 2 min

	// Bus joins the fetchers that share the limits; it is used by Run. Nil means that there are no others.
	Bus Bus
	// Announce is how often a fetcher says that it is there; by default every second. Who is not heard of 4 times is gone.
	Announce time.Duration
	// ID tells fetchers apart; random by default.
	ID string

	Log     *slog.Logger          // nil discards
	Metrics prometheus.Registerer // nil keeps none
}

// Validate reports all faults at once.
func (c Config) Validate() error {
	var faults []error
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"longest wait", int64(c.MaxWait)},
		{"longest pause", int64(c.MaxPause)},
		{"longest deferral", int64(c.MaxLater)},
		{"waiting requests per host", int64(c.HostWaiting)},
		{"waiting requests", int64(c.Waiting)},
		{"hosts", int64(c.MaxHosts)},
		{"time until a host is forgotten", int64(c.Forget)},
		{"failures that open a circuit", int64(c.BreakAfter)},
		{"first opening of a circuit", int64(c.BreakFirst)},
		{"longest opening of a circuit", int64(c.BreakMost)},
		{"announcement interval", int64(c.Announce)},
	} {
		if f.value < 0 {
			faults = append(faults, fmt.Errorf("politeness: %s must not be negative, or 0 for the default: %d", f.name, f.value))
		}
	}
	if !validID(c.ID) && c.ID != "" {
		faults = append(faults, fmt.Errorf("politeness: id %.80q must be letters, digits, - and _, at most %d", c.ID, maxID))
	}
	return errors.Join(faults...)
}

func (c Config) withDefaults() Config {
	if c.Limits == nil {
		c.Limits = func(string) Limit { return Limit{Own: true} }
	}
	orDefault(&c.MaxWait, 10*time.Second)
	orDefault(&c.MaxPause, time.Minute)
	orDefault(&c.MaxLater, 2*time.Minute)
	orDefault(&c.HostWaiting, 256)
	orDefault(&c.Waiting, 4096)
	orDefault(&c.MaxHosts, 100_000)
	orDefault(&c.Forget, 5*time.Minute)
	orDefault(&c.BreakAfter, 5)
	orDefault(&c.BreakFirst, 5*time.Second)
	orDefault(&c.BreakMost, 2*time.Minute)
	orDefault(&c.Announce, time.Second)
	orDefault(&c.ID, nuid.Next())
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Wish is what one request asks for itself. It can only be stricter than the host's Limit; zero fields ask for nothing.
type Wish struct {
	Concurrency int           // start only while the host has fewer requests under way
	Rate        float64       // starts per second
	Delay       time.Duration // least distance to the starts before and after, such as a crawl delay
	// Probe is for requests that are to find out whether the host is up: an open circuit does not refuse them.
	Probe bool
	// Follow is for requests that a redirect has led to the host. They cannot be sent to another fetcher, where the redirect would
	// begin anew: where this one has no share, they get by with a small one beyond the limit.
	Follow bool
}

// demand is Limit and Wish in one, and readable.
type demand struct {
	concurrency int // 0: no limit
	rate        float64
	delay       time.Duration
}

// maxDelay bounds what a wish can do to the others that ask for the same host.
const maxDelay = time.Hour

func (l Limit) and(w Wish) demand {
	d := demand{
		concurrency: max(0, l.Concurrency),
		rate:        positive(l.Rate),
		delay:       max(0, min(w.Delay, maxDelay)),
	}
	if w.Concurrency > 0 && (d.concurrency == 0 || w.Concurrency < d.concurrency) {
		d.concurrency = w.Concurrency
	}
	if r := positive(w.Rate); r > 0 && (d.rate == 0 || r < d.rate) {
		d.rate = r
	}
	return d
}

func positive(rate float64) float64 {
	if rate > 0 && !math.IsInf(rate, 0) { // NaN is not
		return rate
	}
	return 0
}

func (d demand) limited() bool { return d.concurrency > 0 || d.rate > 0 || d.delay > 0 }

// Politeness hands out the turns of one fetcher. It is safe for concurrent use.
type Politeness struct {
	cfg     Config
	seed    maphash.Seed
	shards  [shardCount]shard
	hosts   atomic.Int64
	waiting atomic.Int64
	roster  *roster
	out     chan message
	shrunk  atomic.Bool // shares have become smaller, and it is not known that what is under way fits into them
	metrics *metrics
}

// New makes a Politeness. With a Bus it hands out turns at limited hosts only while it runs.
func New(cfg Config) (*Politeness, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	p := &Politeness{
		cfg: cfg, seed: maphash.MakeSeed(), out: make(chan message, 1024), metrics: newMetrics(),
		roster: newRoster(cfg.ID, cfg.Announce, cfg.Bus == nil),
	}
	for i := range p.shards {
		p.shards[i].hosts = map[string]*host{}
	}
	if cfg.Metrics != nil {
		if err := cfg.Metrics.Register(collector{p}); err != nil {
			return nil, fmt.Errorf("politeness: metrics: %w", err)
		}
	}
	return p, nil
}

// Run keeps in touch with the other fetchers and forgets idle hosts, until ctx ends; then it says goodbye. End it after the last
// turn: the others take over the shares of who has left.
func (p *Politeness) Run(ctx context.Context) error {
	tick := time.NewTicker(p.cfg.Announce)
	defer tick.Stop()
	if p.cfg.Bus != nil {
		stop, err := p.cfg.Bus.Subscribe(p.receive)
		if err != nil {
			return fmt.Errorf("politeness: listen to the other fetchers: %w", err)
		}
		defer func() {
			p.send(message{Kind: kindLeave})
			stop()
		}()
		p.announce()
	}
	var sweep time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			p.announce()
			if p.roster.expire(now) {
				p.reshare()
			}
			if now.Sub(sweep) > p.cfg.Forget/4 {
				p.forget(now)
				sweep = now
			}
		case <-p.roster.greet:
			p.announce()
		case m := <-p.out:
			p.send(m)
		}
	}
}
