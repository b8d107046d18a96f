package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/bench/usage"
	"github.com/fetchmill/fetchmill/internal/broker"
	"github.com/fetchmill/fetchmill/internal/topology"
)

// Config says what is measured.
type Config struct {
	Items    int // in each round
	Rounds   int // the median of them counts
	Log      *slog.Logger
	Progress func(what string) // told what is being done; may be nil
	// Profile, if set, is called around each round of fetchmill.
	Profile func(round int) (stop func() error, err error)
	Only    bool        // measure fetchmill alone, without the references
	Sync    broker.Sync // when the brokers flush to the disk
}

// Report is what was found.
type Report struct {
	Items      int     `json:"items"`
	Rounds     int     `json:"rounds"`
	CPUs       int     `json:"cpus"`
	Fetchmill  Figures `json:"fetchmill"`
	Bare       Figures `json:"bare"`          // bare nats.go, without a database
	BareRows   Figures `json:"bare_database"` // bare nats.go, ending in a bulk insert
	Stock      Figures `json:"stock"`         // stock watermill-nats, without a database
	OfBare     float64 `json:"of_bare"`       // medians of the rounds' ratios
	OfBareRows float64 `json:"of_bare_database"`
	OfStock    float64 `json:"of_stock"`
}

// Figures are the medians of all rounds, and the rates of each.
type Figures struct {
	PerSecond     float64   `json:"per_second"`
	CPUMicrosItem float64   `json:"cpu_us_per_item"`
	PeakBytes     int64     `json:"peak_rss_bytes"`
	Rates         []float64 `json:"per_second_of_rounds"`
}

// contender is one of those that are compared.
type contender struct {
	name    string
	run     func(ctx context.Context, round int) (time.Duration, error)
	figures Figures
	cpu     []float64
	peaks   []int64
}

// Run measures rounds of all contenders in turn, each with a new broker in this process.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Items < 1 || cfg.Rounds < 1 {
		return nil, errors.New("items and rounds must be at least 1")
	}
	list, err := hops()
	if err != nil {
		return nil, err
	}
	b := bench{cfg, list}
	ours := &contender{name: "fetchmill", run: b.fetchmill}
	bare := &contender{name: "bare nats.go", run: b.bare}
	bareRows := &contender{name: "bare nats.go into a database", run: b.bareRows}
	stock := &contender{name: "stock watermill-nats", run: b.stock}
	contenders := []*contender{bare, ours, bareRows, stock}
	if cfg.Only {
		contenders = []*contender{ours}
	}
	for round := range cfg.Rounds {
		for _, c := range contenders {
			if cfg.Progress != nil {
				cfg.Progress(fmt.Sprintf("round %d of %d: %s", round+1, cfg.Rounds, c.name))
			}
			if err := c.measure(ctx, round, cfg.Items); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	return &Report{
		Items: cfg.Items, Rounds: cfg.Rounds, CPUs: runtime.GOMAXPROCS(0),
		Fetchmill: ours.medians(), Bare: bare.medians(), BareRows: bareRows.medians(), Stock: stock.medians(),
		OfBare: ratio(ours, bare), OfBareRows: ratio(ours, bareRows), OfStock: ratio(ours, stock),
	}, nil
}

func (c *contender) measure(ctx context.Context, round, items int) error {
	usage.ResetPeak()
	cpu := usage.CPU()
	took, err := c.run(ctx, round)
	if err != nil {
		return err
	}
	c.figures.Rates = append(c.figures.Rates, float64(items)/took.Seconds())
	c.cpu = append(c.cpu, float64((usage.CPU()-cpu).Microseconds())/float64(items))
	c.peaks = append(c.peaks, usage.Peak())
	return nil
}

func (c *contender) medians() Figures {
	if len(c.figures.Rates) == 0 {
		return c.figures
	}
	c.figures.PerSecond, c.figures.CPUMicrosItem, c.figures.PeakBytes = median(c.figures.Rates), median(c.cpu), median(c.peaks)
	return c.figures
}

// ratio is the median of the rounds' ratios, so that a machine that is busy for a while affects both sides.
func ratio(a, b *contender) float64 {
	var ratios []float64
	for i := range b.figures.Rates {
		ratios = append(ratios, a.figures.Rates[i]/b.figures.Rates[i])
	}
	return median(ratios)
}

func median[N int64 | float64](list []N) N {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

// bench has one method for each contender.
type bench struct {
	cfg  Config
	hops []hop
}

func (b bench) fetchmill(ctx context.Context, round int) (time.Duration, error) {
	if b.cfg.Profile == nil {
		return fetchmill(ctx, b.cfg)
	}
	stop, err := b.cfg.Profile(round)
	if err != nil {
		return 0, err
	}
	took, err := fetchmill(ctx, b.cfg)
	return took, errors.Join(err, stop())
}

func (b bench) bare(ctx context.Context, _ int) (time.Duration, error) {
	return b.withBroker(ctx, func(url, _ string) (time.Duration, error) {
		return bare(ctx, url, b.hops, b.cfg.Items, nil)
	})
}

func (b bench) bareRows(ctx context.Context, _ int) (time.Duration, error) {
	return b.withBroker(ctx, func(url, dir string) (took time.Duration, err error) {
		r, err := openRows(ctx, dir)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, r.db.Close()) }()
		result := b.hops[len(b.hops)-1].next.Data
		return bare(ctx, url, b.hops, b.cfg.Items, func(count int) error { return r.insert(ctx, count, result) })
	})
}

func (b bench) stock(ctx context.Context, _ int) (time.Duration, error) {
	return b.withBroker(ctx, func(url, _ string) (time.Duration, error) {
		return stock(ctx, url, b.hops, b.cfg.Items)
	})
}

// withBroker gives a reference a broker with the streams and consumers of fetchmill.
func (b bench) withBroker(ctx context.Context, run func(url, dir string) (time.Duration, error)) (took time.Duration, err error) {
	dir, err := os.MkdirTemp("", "fetchmill-bench-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := broker.Start(broker.Config{Addr: "127.0.0.1:0", Dir: filepath.Join(dir, "broker"), Sync: b.cfg.Sync}, b.cfg.Log)
	if err != nil {
		return 0, err
	}
	defer server.Stop()
	if err := provision(ctx, server.URL()); err != nil {
		return 0, err
	}
	return run(server.URL(), dir)
}

func provision(ctx context.Context, url string) error {
	nc, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	_, err = topology.Provision(ctx, js, topology.For(topology.Default()))
	return err
}
