// Package scale measures what more processes of a service bring, how soon one that is started is of use, and what it costs when some are
// stopped under load.
package scale

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
	Fetchers    []int         // numbers of processes, the first of them is what the others are compared with; empty measures none
	Concurrency int           // of each fetcher
	Latency     time.Duration // how long the site takes to answer
	Crunchers   []int         // likewise, each with one worker; empty measures none
	Increments  int           // how much work an item is that is computed
	WarmUp      time.Duration // before each measurement
	For         time.Duration // of each measurement
	Rounds      int           // the median of them counts
	Starts      int           // how often starting a fetcher under load is measured
	Command     []string      // of fetchmill itself
	Site        []string      // a command that calls site.Serve
	Log         *slog.Logger
	Progress    func(what string) // told what is being done; may be nil
}

// Report is what was found.
type Report struct {
	CPUs        int     `json:"cpus"`
	Seconds     float64 `json:"seconds"` // of each measurement
	Rounds      int     `json:"rounds"`
	Concurrency int     `json:"concurrency"` // of each fetcher
	LatencyMS   float64 `json:"latency_ms"`
	Fetchers    []Point `json:"fetchers,omitempty"`
	Increments  int     `json:"increments,omitempty"` // of each item that is computed
	Crunchers   []Point `json:"crunchers,omitempty"`
	Starts      *Starts `json:"starts,omitempty"`
	Down        *Down   `json:"down,omitempty"`
}

// Point is a number of processes, and the medians of its rounds.
type Point struct {
	Processes int       `json:"processes"`
	PerSecond float64   `json:"per_second"`
	OfLinear  float64   `json:"of_linear"`                  // throughput divided by as many times that of one process
	Ideal     float64   `json:"ideal_per_second,omitempty"` // of fetchers: places divided by the latency
	CPUs      float64   `json:"cpus_used"`                  // by everything that runs for it: services, broker, database, submitting, site; 0 where the system does not tell
	Rates     []float64 `json:"per_second_of_rounds"`
}

// Starts tells how soon a fetcher that is started while others are at work has its first item.
type Starts struct {
	MedianMS float64   `json:"median_ms"`
	MostMS   float64   `json:"most_ms"`
	AllMS    []float64 `json:"all_ms"`
}

// Down tells what came of items while fetchers were stopped under load.
type Down struct {
	From        int     `json:"from"` // fetchers
	To          int     `json:"to"`
	Submitted   int64   `json:"submitted"`
	Rows        int64   `json:"rows"`        // results in the database
	OK          int64   `json:"ok"`          // of them
	Redelivered int64   `json:"redelivered"` // deliveries of items beyond the first: what a fetcher has taken ahead goes back when it is stopped
	MostStopMS  float64 `json:"most_stop_ms"`
}

func (c Config) validate() error {
	var errs []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	for name, list := range map[string][]int{"fetchers": c.Fetchers, "crunchers": c.Crunchers} {
		for _, n := range list {
			fault(n < 1, "%s: %d is less than 1", name, n)
		}
	}
	fault(c.Concurrency < 1, "concurrency: %d is less than 1", c.Concurrency)
	fault(c.Latency < time.Millisecond || c.Latency%time.Millisecond != 0, "latency: %s is not a number of milliseconds", c.Latency)
	fault(len(c.Crunchers) > 0 && c.Increments < 1, "increments: %d is less than 1", c.Increments)
	fault(c.WarmUp < 0, "warm-up: %s is negative", c.WarmUp)
	fault(c.For <= 0, "duration: %s is not positive", c.For)
	fault(c.Rounds < 1, "rounds: %d is less than 1", c.Rounds)
	fault(c.Starts < 0, "starts: %d is negative", c.Starts)
	fault(len(c.Command) == 0, "there is no command of fetchmill")
	return errors.Join(errs...)
}

// Run measures.
func Run(ctx context.Context, cfg Config) (_ *Report, err error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	server, err := site.StartProcess(ctx, cfg.Site)
	if err != nil {
		return nil, err
	}
	defer func() { _ = server.Close() }() // what it did is measured
	r := &Report{
		CPUs: runtime.GOMAXPROCS(0), Seconds: cfg.For.Seconds(), Rounds: cfg.Rounds,
		Concurrency: cfg.Concurrency, LatencyMS: float64(cfg.Latency) / float64(time.Millisecond),
	}
	if r.Fetchers, err = cfg.points(ctx, cfg.fetching(server), cfg.Fetchers); err != nil {
		return nil, err
	}
	for i, p := range r.Fetchers {
		r.Fetchers[i].Ideal = float64(p.Processes*cfg.Concurrency) / cfg.Latency.Seconds()
	}
	if len(cfg.Crunchers) > 0 {
		r.Increments = cfg.Increments
	}
	if r.Crunchers, err = cfg.points(ctx, cfg.crunching(), cfg.Crunchers); err != nil {
		return nil, err
	}
	if cfg.Starts > 0 {
		if r.Starts, err = cfg.starts(ctx, server); err != nil {
			return nil, err
		}
		if r.Down, err = cfg.down(ctx, server); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// points measures each number of processes, in each round once.
func (c Config) points(ctx context.Context, k kind, numbers []int) ([]Point, error) {
	list := make([]Point, len(numbers))
	used := make([][]float64, len(numbers))
	for round := range c.Rounds {
		for turn := range numbers {
			i := turn
			if round%2 == 1 { // the other way round, so that none is always the last
				i = len(numbers) - 1 - turn
			}
			c.say("round %d of %d: %d %ss", round+1, c.Rounds, numbers[i], k.service)
			rate, cpus, err := c.measure(ctx, k, numbers[i])
			if err != nil {
				return nil, fmt.Errorf("%d %ss: %w", numbers[i], k.service, err)
			}
			list[i].Rates = append(list[i].Rates, rate)
			used[i] = append(used[i], cpus)
		}
	}
	for i, n := range numbers {
		list[i].Processes, list[i].PerSecond, list[i].CPUs = n, stats.Median(list[i].Rates), stats.Median(used[i])
		one := list[0].PerSecond / float64(list[0].Processes)
		list[i].OfLinear = list[i].PerSecond / (float64(n) * one)
	}
	return list, nil
}

func (c Config) measure(ctx context.Context, k kind, n int) (rate, cpus float64, err error) {
	l, err := startLoad(ctx, c, k, n)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	for range n {
		if _, err := l.start(ctx); err != nil {
			return 0, 0, err
		}
	}
	if err := l.atWork(ctx); err != nil {
		return 0, 0, err
	}
	if err := l.wait(ctx, c.WarmUp); err != nil {
		return 0, 0, fmt.Errorf("warm-up: %w", err)
	}
	before, err := l.backlog.Done(ctx)
	if err != nil {
		return 0, 0, err
	}
	cpu, began := l.cpu(), time.Now()
	if err := l.wait(ctx, c.For); err != nil {
		return 0, 0, err
	}
	after, err := l.backlog.Done(ctx)
	took := time.Since(began).Seconds()
	return float64(after-before) / took, (l.cpu() - cpu).Seconds() / took, err
}

func (c Config) say(format string, args ...any) {
	if c.Progress != nil {
		c.Progress(fmt.Sprintf(format, args...))
	}
}
