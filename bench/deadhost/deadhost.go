// Package deadhost measures what one host that is dead costs the items of all others.
package deadhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"time"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/bench/stats"
	"github.com/fetchmill/fetchmill/internal/sandbox"
	"github.com/fetchmill/fetchmill/internal/site"
	"github.com/fetchmill/fetchmill/pkg/client"
)

// Config says what is measured.
type Config struct {
	Hosts       int           // that answer; each is a port of 127.0.0.1
	Items       int           // for all of them together
	Concurrency int           // URLs at the same time
	Latency     time.Duration // of the hosts that answer
	Rounds      int           // with and without the dead host in turn; the medians count
	Log         *slog.Logger
	Progress    func(what string) // told what is being done; may be nil
}

// Report is what was found.
type Report struct {
	Hosts       int       `json:"hosts"`
	Items       int       `json:"items"`
	Concurrency int       `json:"concurrency"`
	LatencyMS   float64   `json:"latency_ms"`
	Rounds      int       `json:"rounds"`
	Without     []float64 `json:"per_second_without_dead_host"`
	With        []float64 `json:"per_second_with_dead_host"`
	Ratio       float64   `json:"with_of_without"` // of the medians: 1 means that the dead host costs nothing
}

func (c Config) validate() error {
	var errs []error
	for _, f := range []struct {
		name  string
		value int
	}{{"hosts", c.Hosts}, {"items", c.Items}, {"concurrency", c.Concurrency}, {"rounds", c.Rounds}} {
		if f.value < 1 {
			errs = append(errs, fmt.Errorf("%s: %d is less than 1", f.name, f.value))
		}
	}
	if c.Latency < time.Millisecond {
		errs = append(errs, fmt.Errorf("latency: %s is less than 1ms", c.Latency))
	}
	return errors.Join(errs...)
}

// Run measures. The dead host takes connections and never says a word: of all ways to be dead the one that holds a fetch longest.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	hosts, end, err := cfg.startHosts(ctx)
	defer end()
	if err != nil {
		return nil, err
	}
	dead, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the dead host: %w", err)
	}
	defer func() { _ = dead.Close() }()

	r := &Report{
		Hosts: cfg.Hosts, Items: cfg.Items, Concurrency: cfg.Concurrency, LatencyMS: float64(cfg.Latency.Microseconds()) / 1000, Rounds: cfg.Rounds,
	}
	for i := range cfg.Rounds {
		cfg.say("round %d of %d: without the dead host", i+1, cfg.Rounds)
		without, err := cfg.round(ctx, hosts, "")
		if err != nil {
			return nil, err
		}
		cfg.say("round %d of %d: with it", i+1, cfg.Rounds)
		with, err := cfg.round(ctx, hosts, "http://"+dead.Addr().String()+"/")
		if err != nil {
			return nil, err
		}
		r.Without, r.With = append(r.Without, without), append(r.With, with)
	}
	r.Ratio = stats.Median(r.With) / stats.Median(r.Without)
	return r, nil
}

// startHosts starts the hosts that answer, and returns a URL of each.
func (c Config) startHosts(ctx context.Context) (urls []string, end func(), err error) {
	var running []*site.Server
	end = func() {
		for _, s := range running {
			s.Close()
		}
	}
	for range c.Hosts {
		s, err := site.Start(ctx)
		if err != nil {
			return nil, end, err
		}
		running = append(running, s)
		urls = append(urls, fmt.Sprintf("%s/delay?ms=%d", s.URL, c.Latency.Milliseconds()))
	}
	return urls, end, nil
}

func (c Config) say(format string, args ...any) {
	if c.Progress != nil {
		c.Progress(fmt.Sprintf(format, args...))
	}
}

// round returns how many items of the living hosts end per second. The dead host has its share of the items, and they come first.
func (c Config) round(ctx context.Context, hosts []string, dead string) (perSecond float64, err error) {
	s, err := sandbox.Start(ctx, sandbox.Options{Log: c.Log, Configure: func(cfg *app.Config) {
		cfg.AllowNet, cfg.Fetchers = []string{"127.0.0.1"}, c.Concurrency
	}})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	web, err := s.Connect(ctx, "bench")
	if err != nil {
		return 0, err
	}
	if err := c.batch(ctx, web, "warm-up", hosts, 2*c.Concurrency); err != nil {
		return 0, err
	}
	if dead != "" {
		share := max(1, c.Items/len(hosts))
		if _, err := web.Submit(ctx, "page", inTurn([]string{dead}, share), client.SubmitOptions{Batch: "dead"}); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	if err := c.batch(ctx, web, "living", hosts, c.Items); err != nil {
		return 0, err
	}
	took := time.Since(start)
	if dead != "" {
		err = web.CancelBatch(ctx, "dead")
	}
	return float64(c.Items) / took.Seconds(), err
}

func (c Config) batch(ctx context.Context, web *client.Client, name string, hosts []string, n int) error {
	if _, err := web.Submit(ctx, "page", inTurn(hosts, n), client.SubmitOptions{Batch: name}); err != nil {
		return err
	}
	b, err := web.WaitBatch(ctx, name, client.WaitOptions{})
	if err == nil && b.OK != int64(n) {
		err = fmt.Errorf("batch %s: %d of %d items ended ok", name, b.OK, n)
	}
	return err
}

// inTurn yields n items, the URLs in turn.
func inTurn(urls []string, n int) iter.Seq2[client.Item, error] {
	return func(yield func(client.Item, error) bool) {
		for i := range n {
			if !yield(client.Item{Text: urls[i%len(urls)]}, nil) {
				return
			}
		}
	}
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	_, err := fmt.Fprintf(w, `%d hosts that answer after %g ms, %d items, %d at a time; medians of %d

without a dead host   %6.0f items/s
with one more, dead   %6.0f items/s   %.3f

The dead host has as many items as each of the others, and they are submitted first.
`, r.Hosts, r.LatencyMS, r.Items, r.Concurrency, r.Rounds, stats.Median(r.Without), stats.Median(r.With), r.Ratio)
	return err
}
