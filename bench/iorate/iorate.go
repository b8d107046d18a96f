// Package iorate measures how many URLs per second go through the pipeline when each takes a known time to answer, against what
// is possible at that concurrency, and against a bare loop of net/http in the same process.
package iorate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"github.com/fetchmill/fetchmill/bench/usage"
	"github.com/fetchmill/fetchmill/internal/site"
	"github.com/fetchmill/fetchmill/services/fetcher"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
)

// Config says what is measured.
type Config struct {
	Items       int           // URLs in each round
	Concurrency int           // at the same time
	Latency     time.Duration // how long the site takes to answer
	Recipe      string        // uptime (fetch only) or page (fetch and crunch)
	Rounds      int           // the median of them counts
	Site        []string      // a command that calls site.Serve
	Log         *slog.Logger
	Progress    func(what string) // told what is being done; may be nil
	// Profile, if set, is called around each measured round of the pipeline.
	Profile func(round int) (stop func() error, err error)
}

// Report is what was found.
type Report struct {
	Items       int     `json:"items"`
	Concurrency int     `json:"concurrency"`
	LatencyMS   float64 `json:"latency_ms"`
	Recipe      string  `json:"recipe"`
	Rounds      int     `json:"rounds"`
	WarmUp      int     `json:"warm_up_items"` // before each measurement, and not part of it
	CPUs        int     `json:"cpus"`
	Ideal       float64 `json:"ideal_per_second"` // concurrency divided by latency
	Pipeline    Figures `json:"pipeline"`
	Bare        Figures `json:"bare"`
	OfIdeal     float64 `json:"pipeline_of_ideal"`
	BareOfIdeal float64 `json:"bare_of_ideal"`
	OfBare      float64 `json:"pipeline_of_bare"` // median of the rounds' ratios
}

// Figures are the medians of all rounds, and the rates of each.
type Figures struct {
	PerSecond      float64   `json:"per_second"`
	Seconds        float64   `json:"seconds"`
	CPUSeconds     float64   `json:"cpu_seconds"` // this process
	CPUMicrosItem  float64   `json:"cpu_us_per_item"`
	SiteCPUSeconds float64   `json:"site_cpu_seconds"` // 0 where the system does not tell
	PeakBytes      int64     `json:"peak_rss_bytes"`
	Rates          []float64 `json:"per_second_of_rounds"`
}

func (c Config) validate() error {
	var errs []error
	if c.Items < 1 {
		errs = append(errs, fmt.Errorf("items: %d is less than 1", c.Items))
	}
	if c.Concurrency < 1 {
		errs = append(errs, fmt.Errorf("concurrency: %d is less than 1", c.Concurrency))
	}
	if c.Latency < time.Millisecond {
		errs = append(errs, fmt.Errorf("latency: %s is less than 1ms", c.Latency))
	}
	if c.Rounds < 1 {
		errs = append(errs, fmt.Errorf("rounds: %d is less than 1", c.Rounds))
	}
	if c.Recipe != "uptime" && c.Recipe != "page" {
		errs = append(errs, fmt.Errorf("recipe: %q is neither uptime nor page", c.Recipe))
	}
	return errors.Join(errs...)
}

// warmUp is how many items open the connections and fill the pools before each measurement: each worker gets two.
func (c Config) warmUp() int { return 2 * c.Concurrency }

// round is one measurement.
type round struct {
	took, cpu, siteCPU time.Duration
	peak               int64
}

// contender does n items and returns when all are done.
type contender func(ctx context.Context, n int) error

// Run measures, bare loop and pipeline in turn, so that both see the same weather.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	server, err := site.StartProcess(ctx, cfg.Site)
	if err != nil {
		return nil, err
	}
	defer func() { _ = server.Close() }() // what it did is measured
	url := fmt.Sprintf("%s/delay?ms=%d", server.URL, cfg.Latency.Milliseconds())

	r := &Report{
		Items: cfg.Items, Concurrency: cfg.Concurrency, LatencyMS: float64(cfg.Latency.Microseconds()) / 1000, Recipe: cfg.Recipe,
		Rounds: cfg.Rounds, WarmUp: cfg.warmUp(), CPUs: runtime.GOMAXPROCS(0),
		Ideal: float64(cfg.Concurrency) / cfg.Latency.Seconds(),
	}
	var bare, pipe []round
	for i := range cfg.Rounds {
		b, err := bareRound(ctx, cfg, server, url, i)
		if err != nil {
			return nil, fmt.Errorf("bare loop: %w", err)
		}
		p, err := pipelineRound(ctx, cfg, server, url, i)
		if err != nil {
			return nil, fmt.Errorf("pipeline: %w", err)
		}
		bare, pipe = append(bare, b), append(pipe, p)
	}
	r.Bare, r.Pipeline = cfg.figures(bare), cfg.figures(pipe)
	r.OfIdeal, r.BareOfIdeal = r.Pipeline.PerSecond/r.Ideal, r.Bare.PerSecond/r.Ideal
	r.OfBare = median(pipe, func(i int, p round) float64 { return bare[i].took.Seconds() / p.took.Seconds() })
	return r, nil
}

func bareRound(ctx context.Context, cfg Config, server *site.Process, url string, i int) (round, error) {
	network, err := newNetwork(cfg)
	if err != nil {
		return round{}, err
	}
	defer network.Close()
	cfg.say("round %d of %d: bare loop", i+1, cfg.Rounds)
	loop := func(ctx context.Context, n int) error {
		return bareLoop(ctx, network.Transport(), cfg, url, n)
	}
	return measure(ctx, cfg, server, loop, nil)
}

func pipelineRound(ctx context.Context, cfg Config, server *site.Process, url string, i int) (_ round, err error) {
	p, err := startPipeline(ctx, cfg, url)
	if err != nil {
		return round{}, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	cfg.say("round %d of %d: pipeline", i+1, cfg.Rounds)
	var profile func() (func() error, error)
	if cfg.Profile != nil {
		profile = func() (func() error, error) { return cfg.Profile(i) }
	}
	return measure(ctx, cfg, server, p.do, profile)
}

func (c Config) say(format string, args ...any) {
	if c.Progress != nil {
		c.Progress(fmt.Sprintf(format, args...))
	}
}

// measure warms up and then takes the figures of one round.
func measure(ctx context.Context, cfg Config, server *site.Process, do contender, profile func() (func() error, error)) (round, error) {
	if err := do(ctx, cfg.warmUp()); err != nil {
		return round{}, fmt.Errorf("warm up: %w", err)
	}
	stop := func() error { return nil }
	if profile != nil {
		var err error
		if stop, err = profile(); err != nil {
			return round{}, err
		}
	}
	usage.ResetPeak()
	siteBefore, _ := usage.ReadCPU(server.PID) // not known elsewhere than on Linux: 0 then
	cpu, start := usage.CPU(), time.Now()
	err := do(ctx, cfg.Items)
	r := round{took: time.Since(start), cpu: usage.CPU() - cpu, peak: usage.Peak()}
	siteAfter, _ := usage.ReadCPU(server.PID)
	r.siteCPU = siteAfter - siteBefore
	return r, errors.Join(err, stop())
}

func (c Config) figures(rounds []round) Figures {
	n := float64(c.Items)
	f := Figures{
		PerSecond:      median(rounds, func(_ int, r round) float64 { return n / r.took.Seconds() }),
		Seconds:        median(rounds, func(_ int, r round) float64 { return r.took.Seconds() }),
		CPUSeconds:     median(rounds, func(_ int, r round) float64 { return r.cpu.Seconds() }),
		CPUMicrosItem:  median(rounds, func(_ int, r round) float64 { return r.cpu.Seconds() * 1e6 / n }),
		SiteCPUSeconds: median(rounds, func(_ int, r round) float64 { return r.siteCPU.Seconds() }),
		PeakBytes:      int64(median(rounds, func(_ int, r round) float64 { return float64(r.peak) })),
	}
	for _, r := range rounds {
		f.Rates = append(f.Rates, n/r.took.Seconds())
	}
	return f
}

// median returns the middle value; of an even number of values the mean of the middle two.
func median(rounds []round, of func(i int, r round) float64) float64 {
	list := make([]float64, len(rounds))
	for i, r := range rounds {
		list[i] = of(i, r)
	}
	slices.Sort(list)
	n := len(list)
	return (list[(n-1)/2] + list[n/2]) / 2
}

func newNetwork(cfg Config) (*fetcher.Network, error) {
	guard, err := loopbackGuard()
	if err != nil {
		return nil, err
	}
	return fetcher.NewNetwork(fetcher.NetConfig{HTTP: useragent.Config{Guard: guard, Concurrency: cfg.Concurrency}})
}
