// Package uptime measures how late the checks of many targets begin, and what watching them takes.
package uptime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/bench/usage"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/sandbox"
	"github.com/fetchmill/fetchmill/internal/site"
	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Config says what is measured.
type Config struct {
	Targets  int
	Interval time.Duration
	WarmUp   time.Duration // before the measurement
	For      time.Duration
	Site     []string // command that serves a site in a process of its own, see site.StartProcess
	Log      *slog.Logger
	Progress func(what string)                     // may be nil
	Profile  func() (stop func() error, err error) // around the measurement; may be nil
}

// Report is what was found. A check is late by the time from when it was due.
type Report struct {
	Targets  int     `json:"targets"`
	Interval float64 `json:"interval_seconds"`
	Seconds  float64 `json:"seconds"`
	Due      int     `json:"due"`     // checks that were due in that time
	Missing  int     `json:"missing"` // of them have no result
	Failed   int     `json:"failed"`  // of them have failed, on a site that always answers

	Ordered Lateness `json:"ordered"` // when the broker had the check
	Begun   Lateness `json:"begun"`   // when the request was made, at the latest
	Ended   Lateness `json:"ended"`   // when the result was made

	ApplyMS     float64 `json:"apply_ms"`
	CPUPercent  float64 `json:"cpu_percent"` // of one CPU: all services, broker and database
	CPUMicros   float64 `json:"cpu_us_per_check"`
	SitePercent float64 `json:"site_cpu_percent"`
	PeakBytes   int64   `json:"peak_resident_bytes"`
	ListMS      float64 `json:"list_ms"` // the first page of the list of targets, 100 of them
}

// Lateness sums up how late something was, in milliseconds.
type Lateness struct {
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

// settle is how long the last checks may take to end.
const settle = 30 * time.Second

func (c Config) validate() error {
	var errs []error
	if c.Targets < 1 {
		errs = append(errs, fmt.Errorf("targets: %d is less than 1", c.Targets))
	}
	if c.Interval < time.Second {
		errs = append(errs, fmt.Errorf("interval: %s is less than 1s", c.Interval))
	}
	if c.For < time.Second || c.WarmUp < 0 {
		errs = append(errs, fmt.Errorf("for: %s is less than 1s, or warm-up: %s is negative", c.For, c.WarmUp))
	}
	return errors.Join(errs...)
}

// Run starts all services in this process, and a site in another, and watches pages of it.
func Run(ctx context.Context, cfg Config) (_ *Report, err error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	server, err := site.StartProcess(ctx, cfg.Site)
	if err != nil {
		return nil, err
	}
	defer func() { _ = server.Close() }() // what it did is measured
	s, err := sandbox.Start(ctx, sandbox.Options{Log: cfg.Log, Configure: func(c *app.Config) { c.AllowNet = []string{"127.0.0.0/8"} }})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	c, err := s.Connect(ctx, "bench")
	if err != nil {
		return nil, err
	}
	return cfg.measure(ctx, c, server)
}

func (c Config) measure(ctx context.Context, cl *client.Client, server *site.Process) (*Report, error) {
	text := c.document(server.URL)
	r := &Report{Targets: c.Targets, Interval: c.Interval.Seconds()}
	start := time.Now()
	if _, err := cl.ApplyTargets(ctx, text, client.ApplyOptions{}); err != nil {
		return nil, err
	}
	r.ApplyMS = since(start)
	c.say("%d targets applied; %s to warm up", c.Targets, c.WarmUp)
	if err := pause(ctx, c.WarmUp); err != nil {
		return nil, err
	}
	c.say("measuring for %s", c.For)
	from, until, err := c.watch(ctx, server.PID, r)
	if err != nil {
		return nil, err
	}
	d, err := uptime.Parse(text, nil)
	if err != nil {
		return nil, err
	}
	due, err := dueIn(d.Targets, from, until)
	if err != nil {
		return nil, err
	}
	r.Due = due
	if err := collect(ctx, cl, from, until, r); err != nil {
		return nil, err
	}
	r.CPUMicros = r.CPUPercent / 100 * r.Seconds * 1e6 / float64(max(1, r.Due-r.Missing))
	start = time.Now()
	if _, err := cl.TargetPage(ctx, events.TargetQuery{Limit: 100}); err != nil {
		return nil, err
	}
	r.ListMS = since(start)
	return r, nil
}

// document is what is watched: a page of its own for each target.
func (c Config) document(url string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "defaults: {interval: %s, conditions: ['status < 400 && elapsed < duration(\"20s\")']}\ntargets:\n", c.Interval)
	for i := range c.Targets {
		fmt.Fprintf(&b, "  - {name: page-%d, url: \"%s/fast/%d\"}\n", i, url, i)
	}
	return b.Bytes()
}

// watch measures this process and the site.
func (c Config) watch(ctx context.Context, sitePID int, r *Report) (from, until uptime.Instant, err error) {
	stop := func() error { return nil }
	if c.Profile != nil {
		if stop, err = c.Profile(); err != nil {
			return 0, 0, err
		}
	}
	usage.ResetPeak()
	siteBefore, siteErr := usage.ReadCPU(sitePID)
	before, start := usage.CPU(), time.Now()
	if err := pause(ctx, c.For); err != nil {
		return 0, 0, errors.Join(err, stop())
	}
	took := time.Since(start)
	r.Seconds, r.CPUPercent, r.PeakBytes = took.Seconds(), 100*(usage.CPU()-before).Seconds()/took.Seconds(), usage.Peak()
	if siteAfter, err := usage.ReadCPU(sitePID); err == nil && siteErr == nil { // on Linux
		r.SitePercent = 100 * (siteAfter - siteBefore).Seconds() / took.Seconds()
	}
	return uptime.InstantOf(start), uptime.InstantOf(start.Add(took)), stop()
}

// dueIn counts the regular checks that were due in a time.
func dueIn(targets []events.Target, from, until uptime.Instant) (n int, err error) {
	for i := range targets {
		t, err := uptime.Prepare(0, 0, targets[i])
		if err != nil {
			return 0, err
		}
		for at := t.Next(from - 1); at < until; at = t.Next(at) {
			n++
		}
	}
	return n, nil
}

func (c Config) say(format string, args ...any) {
	if c.Progress != nil {
		c.Progress(fmt.Sprintf(format, args...))
	}
}

func pause(ctx context.Context, d time.Duration) error {
	if !host.Pause(ctx, d) {
		return ctx.Err()
	}
	return nil
}

func since(start time.Time) float64 { return float64(time.Since(start).Microseconds()) / 1000 }
