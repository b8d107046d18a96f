// Package sweep measures how many URLs per second go through the pipeline with various fixed concurrencies of the fetcher and with the one
// that it finds by itself, for servers that are fast and slow.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"github.com/fetchmill/fetchmill/bench/stats"
	"github.com/fetchmill/fetchmill/bench/usage"
	"github.com/fetchmill/fetchmill/internal/site"
)

// Config says what is measured.
type Config struct {
	Latencies []time.Duration // how long the site takes to answer
	Fixed     []int           // concurrencies to compare with
	WarmUp    time.Duration   // before each measurement
	For       time.Duration   // of each measurement
	Rounds    int             // the median of them counts
	Site      []string        // a command that calls site.Serve
	Log       *slog.Logger
	Progress  func(what string) // told what is being done; may be nil
	// Profile, if set, is called around the last round's measurements of the adaptive fetcher.
	Profile func() (stop func() error, err error)
}

// Report is what was found.
type Report struct {
	CPUs          int     `json:"cpus"`
	WarmUpSeconds float64 `json:"warm_up_seconds"`
	Seconds       float64 `json:"seconds"` // of each measurement
	Rounds        int     `json:"rounds"`
	Sweeps        []Sweep `json:"sweeps"`
}

// Sweep is what was found with one server.
type Sweep struct {
	LatencyMS float64   `json:"latency_ms"`
	Settings  []Setting `json:"settings"` // the adaptive one last
	Best      int       `json:"best_fixed"`
	OfBest    float64   `json:"adaptive_of_best"` // throughput of the adaptive one divided by that of the best fixed one
}

// Setting is one concurrency, and the medians of its rounds.
type Setting struct {
	Concurrency    int       `json:"concurrency"` // 0 is adaptive
	Limit          int       `json:"limit"`       // at the end
	PerSecond      float64   `json:"per_second"`
	CPUMicrosItem  float64   `json:"cpu_us_per_item"`  // this process: all services, broker, database and submitting
	SiteCPUSeconds float64   `json:"site_cpu_seconds"` // 0 where the system does not tell
	PeakBytes      int64     `json:"peak_rss_bytes"`
	Rates          []float64 `json:"per_second_of_rounds"`
}

func (c Config) validate() error {
	var errs []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	fault(len(c.Latencies) == 0, "latencies: there are none")
	fault(len(c.Fixed) == 0, "concurrencies: there are none")
	for _, l := range c.Latencies {
		fault(l < 0 || l%time.Millisecond != 0, "latencies: %s is not a number of milliseconds", l)
	}
	for _, n := range c.Fixed {
		fault(n < 1, "concurrencies: %d is less than 1", n)
	}
	fault(c.WarmUp < 0, "warm-up: %s is negative", c.WarmUp)
	fault(c.For <= 0, "duration: %s is not positive", c.For)
	fault(c.Rounds < 1, "rounds: %d is less than 1", c.Rounds)
	return errors.Join(errs...)
}

// round is one measurement.
type round struct {
	perSecond, cpuMicros float64
	siteCPU              time.Duration
	peak                 int64
	limit                int
}

// Run measures. In each round all settings take turns, so that they see the same weather.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	server, err := site.StartProcess(ctx, cfg.Site)
	if err != nil {
		return nil, err
	}
	defer func() { _ = server.Close() }() // what it did is measured
	r := &Report{CPUs: runtime.GOMAXPROCS(0), WarmUpSeconds: cfg.WarmUp.Seconds(), Seconds: cfg.For.Seconds(), Rounds: cfg.Rounds}
	for _, latency := range cfg.Latencies {
		s, err := cfg.sweep(ctx, server, latency)
		if err != nil {
			return nil, err
		}
		r.Sweeps = append(r.Sweeps, *s)
	}
	return r, nil
}

const adaptive = 0

func (c Config) sweep(ctx context.Context, server *site.Process, latency time.Duration) (*Sweep, error) {
	settings := append(slices.Clone(c.Fixed), adaptive)
	rounds := make([][]round, len(settings))
	for i := range c.Rounds {
		for turn := range settings {
			k := turn
			if i%2 == 1 { // the other way round, so that none is always the last
				k = len(settings) - 1 - turn
			}
			n := settings[k]
			c.say("round %d of %d: answers after %s, %s", i+1, c.Rounds, latency, name(n))
			profile := c.Profile
			if n != adaptive || i != c.Rounds-1 {
				profile = nil
			}
			m, err := c.measure(ctx, server, latency, n, profile)
			if err != nil {
				return nil, fmt.Errorf("answers after %s, %s: %w", latency, name(n), err)
			}
			rounds[k] = append(rounds[k], m)
		}
	}
	s := &Sweep{LatencyMS: float64(latency) / float64(time.Millisecond)}
	for k, n := range settings {
		s.Settings = append(s.Settings, setting(n, rounds[k]))
	}
	fixed, own := s.Settings[:len(c.Fixed)], s.Settings[len(c.Fixed)]
	best := slices.MaxFunc(fixed, func(a, b Setting) int { return int(a.PerSecond - b.PerSecond) })
	s.Best, s.OfBest = best.Concurrency, own.PerSecond/best.PerSecond
	return s, nil
}

func (c Config) measure(ctx context.Context, server *site.Process, latency time.Duration, n int, profile func() (func() error, error)) (_ round, err error) {
	url := fmt.Sprintf("%s/delay?ms=%d", server.URL, latency.Milliseconds())
	l, err := startLoad(ctx, c, n, url)
	if err != nil {
		return round{}, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if err := l.wait(ctx, c.WarmUp); err != nil {
		return round{}, fmt.Errorf("warm-up: %w", err)
	}
	stop := func() error { return nil }
	if profile != nil {
		if stop, err = profile(); err != nil {
			return round{}, err
		}
	}
	usage.ResetPeak()
	siteBefore, _ := usage.ReadCPU(server.PID) // not known elsewhere than on Linux: 0 then
	cpu, start := usage.CPU(), time.Now()      // the counts may take their time, which is to be within
	before, err := l.backlog.Done(ctx)
	if err != nil {
		return round{}, errors.Join(err, stop())
	}
	err = l.wait(ctx, c.For)
	after, err2 := l.backlog.Done(ctx)
	took, spent, peak := time.Since(start), usage.CPU()-cpu, usage.Peak()
	siteAfter, _ := usage.ReadCPU(server.PID)
	limit, err3 := l.limit(ctx)
	items := float64(after - before)
	return round{
		perSecond: items / took.Seconds(), cpuMicros: spent.Seconds() * 1e6 / max(1, items),
		siteCPU: siteAfter - siteBefore, peak: peak, limit: limit,
	}, errors.Join(err, err2, err3, stop())
}

func (c Config) say(format string, args ...any) {
	if c.Progress != nil {
		c.Progress(fmt.Sprintf(format, args...))
	}
}

func setting(n int, rounds []round) Setting {
	s := Setting{
		Concurrency:    n,
		Limit:          int(median(rounds, func(r round) float64 { return float64(r.limit) })),
		PerSecond:      median(rounds, func(r round) float64 { return r.perSecond }),
		CPUMicrosItem:  median(rounds, func(r round) float64 { return r.cpuMicros }),
		SiteCPUSeconds: median(rounds, func(r round) float64 { return r.siteCPU.Seconds() }),
		PeakBytes:      int64(median(rounds, func(r round) float64 { return float64(r.peak) })),
	}
	for _, r := range rounds {
		s.Rates = append(s.Rates, r.perSecond)
	}
	return s
}

// median is that of one figure of all rounds.
func median(rounds []round, of func(round) float64) float64 {
	list := make([]float64, 0, len(rounds))
	for _, r := range rounds {
		list = append(list, of(r))
	}
	return stats.Median(list)
}

func name(concurrency int) string {
	if concurrency == adaptive {
		return "adaptive"
	}
	return fmt.Sprintf("%d at a time", concurrency)
}
