// Package iorate measures how many URLs per second go through the pipeline when each takes a known time to answer: against what is
// possible at that concurrency, a bare loop of net/http, and what one would write in Python.
package iorate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/fetchmill/fetchmill/bench/stats"
	"github.com/fetchmill/fetchmill/internal/site"
)

// Config says what is measured.
type Config struct {
	Concurrency []int         // levels: URLs at the same time
	Latency     time.Duration // how long the site takes to answer; 0 chooses it for each level so that Ideal is possible
	Ideal       float64       // URLs per second that a level of many is to reach, when Latency is 0; 0 is idealPerCPU for each CPU
	Items       int           // URLs in each round; 0 is what the ideal does in 5 s, and at least six waves
	Recipe      string        // uptime (fetch only) or page (fetch and crunch)
	Rounds      int           // the median of them counts
	Site        []string      // a command that calls site.Serve
	Python      string        // an interpreter with aiohttp and requests; empty leaves them out
	Log         *slog.Logger
	Progress    func(what string) // told what is being done; may be nil
	// Profile, if set, is called around each measured round of the pipeline at the last level.
	Profile func(round int) (stop func() error, err error)
}

// Bounds of a level that is chosen. The site needs its share of the CPUs too, so what the pipeline could do at most is not much more than
// idealPerCPU; and with few waves, the first and the last of which are not full, the time that it takes to begin and to end would count.
const (
	minLatency   = 100 * time.Millisecond
	levelSeconds = 5
	levelWaves   = 6
	idealPerCPU  = 1500
)

// Report is what was found.
type Report struct {
	Recipe string  `json:"recipe"`
	Rounds int     `json:"rounds"`
	CPUs   int     `json:"cpus"`
	Levels []Level `json:"levels"`
}

// Level is one concurrency, with the figures of all contenders.
type Level struct {
	Concurrency int       `json:"concurrency"`
	LatencyMS   float64   `json:"latency_ms"`
	Items       int       `json:"items"`
	WarmUp      int       `json:"warm_up_items"`    // before each measurement, and not part of it
	Ideal       float64   `json:"ideal_per_second"` // concurrency divided by latency
	Contenders  []Figures `json:"contenders"`
	OfBare      float64   `json:"pipeline_of_bare"` // median of the rounds' ratios
}

// Figures are the medians of all rounds of a contender, and the rates of each.
type Figures struct {
	Name          string    `json:"name"`
	Failed        string    `json:"failed,omitempty"` // why there are no figures
	PerSecond     float64   `json:"per_second"`
	OfIdeal       float64   `json:"of_ideal"`
	CPUSeconds    float64   `json:"cpu_seconds"` // of its process
	CPUMicrosItem float64   `json:"cpu_us_per_item"`
	SiteCPUMicros float64   `json:"site_cpu_us_per_item"` // 0 where the system does not tell
	PeakBytes     int64     `json:"peak_rss_bytes"`       // of its process
	BytesInFlight int64     `json:"bytes_per_fetch"`      // growth of the process since its start, for each URL in flight
	Rates         []float64 `json:"per_second_of_rounds"`
}

func (c Config) validate() error {
	var errs []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	fault(len(c.Concurrency) == 0, "concurrency: no level is given")
	for _, n := range c.Concurrency {
		fault(n < 1, "concurrency: %d is less than 1", n)
	}
	fault(c.Items < 0, "items: %d is less than 0", c.Items)
	fault(c.Latency != 0 && c.Latency < time.Millisecond, "latency: %s is less than 1ms", c.Latency)
	fault(c.Ideal < 0, "ideal: %g is less than 0", c.Ideal)
	fault(c.Rounds < 1, "rounds: %d is less than 1", c.Rounds)
	fault(c.Recipe != "uptime" && c.Recipe != "page", "recipe: %q is neither uptime nor page", c.Recipe)
	return errors.Join(errs...)
}

// level says what is measured at one concurrency.
type level struct {
	concurrency, items, warmUp int
	latency                    time.Duration
	recipe, url                string
}

func (c Config) level(concurrency int, url string) level {
	l := level{concurrency: concurrency, latency: c.Latency, items: c.Items, recipe: c.Recipe}
	if l.latency == 0 {
		ideal := c.Ideal
		if ideal == 0 {
			ideal = idealPerCPU * float64(runtime.GOMAXPROCS(0))
		}
		l.latency = max(minLatency, time.Duration(float64(concurrency)/ideal*float64(time.Second)).Round(time.Millisecond))
	}
	if l.items == 0 {
		l.items = max(int(l.ideal()*levelSeconds), levelWaves*concurrency)
	}
	l.warmUp = 2 * concurrency // opens the connections and fills the pools
	l.url = fmt.Sprintf("%s/delay?ms=%d", url, l.latency.Milliseconds())
	return l
}

func (l level) ideal() float64 { return float64(l.concurrency) / l.latency.Seconds() }

// Run measures, the contenders in turn, so that all see the same weather.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	server, err := site.StartProcess(ctx, cfg.Site)
	if err != nil {
		return nil, err
	}
	defer func() { _ = server.Close() }() // what it did is measured
	r := &Report{Recipe: cfg.Recipe, Rounds: cfg.Rounds, CPUs: runtime.GOMAXPROCS(0)}
	for i, n := range cfg.Concurrency {
		profile := cfg.Profile
		if i < len(cfg.Concurrency)-1 {
			profile = nil
		}
		l, err := cfg.measure(ctx, server, cfg.level(n, server.URL), profile)
		if err != nil {
			return nil, err
		}
		r.Levels = append(r.Levels, l)
	}
	return r, nil
}

func (c Config) measure(ctx context.Context, server *site.Process, l level, profile func(int) (func() error, error)) (Level, error) {
	contenders := contenders(c)
	rounds := make([][]round, len(contenders))
	failed := make([]error, len(contenders))
	for i := range c.Rounds {
		for k, start := range contenders {
			if failed[k] != nil {
				continue
			}
			c.say("%d at a time, %s each, round %d of %d: %s", l.concurrency, l.latency, i+1, c.Rounds, start.name)
			var around func() (func() error, error)
			if profile != nil && start.name == namePipeline {
				around = func() (func() error, error) { return profile(i) }
			}
			one, err := start.round(ctx, l, server, around)
			switch {
			case err != nil && start.guest && ctx.Err() == nil: // so many at once may be beyond it, or take it all day
				failed[k] = err
				c.say("%s failed: %v", start.name, err)
				continue
			case err != nil:
				return Level{}, fmt.Errorf("%s: %w", start.name, err)
			}
			rounds[k] = append(rounds[k], one)
		}
	}
	out := Level{
		Concurrency: l.concurrency, LatencyMS: float64(l.latency.Microseconds()) / 1000, Items: l.items, WarmUp: l.warmUp, Ideal: l.ideal(),
		OfBare: median(rounds[1], func(i int, r round) float64 { return r.perSecond() / rounds[0][i].perSecond() }),
	}
	for k, start := range contenders {
		if failed[k] != nil {
			out.Contenders = append(out.Contenders, Figures{Name: start.name, Failed: failed[k].Error()})
			continue
		}
		out.Contenders = append(out.Contenders, figures(start.name, l, rounds[k]))
	}
	return out, nil
}

func (c Config) say(format string, args ...any) {
	if c.Progress != nil {
		c.Progress(fmt.Sprintf(format, args...))
	}
}

func figures(name string, l level, rounds []round) Figures {
	f := Figures{
		Name:          name,
		PerSecond:     median(rounds, func(_ int, r round) float64 { return r.perSecond() }),
		CPUSeconds:    median(rounds, func(_ int, r round) float64 { return r.cpu.Seconds() }),
		CPUMicrosItem: median(rounds, func(_ int, r round) float64 { return r.micros(r.cpu) }),
		SiteCPUMicros: median(rounds, func(_ int, r round) float64 { return r.micros(r.siteCPU) }),
		PeakBytes:     int64(median(rounds, func(_ int, r round) float64 { return float64(r.peak) })),
		BytesInFlight: int64(median(rounds, func(_ int, r round) float64 { return float64(r.peak-r.before) / float64(l.concurrency) })),
	}
	f.OfIdeal = f.PerSecond / l.ideal()
	for _, r := range rounds {
		f.Rates = append(f.Rates, r.perSecond())
	}
	return f
}

// median is that of one figure of all rounds.
func median(rounds []round, of func(i int, r round) float64) float64 {
	list := make([]float64, len(rounds))
	for i, r := range rounds {
		list[i] = of(i, r)
	}
	return stats.Median(list)
}
