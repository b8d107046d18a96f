// Package latency measures how long one request takes through all stages of a pipeline that has nothing else to do.
package latency

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/fetchmill/fetchmill/bench/usage"
	"github.com/fetchmill/fetchmill/internal/sandbox"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Config says what is measured.
type Config struct {
	Runs   int // one after the other
	WarmUp int // before them, not counted
	Log    *slog.Logger
}

// Report is what was found, in milliseconds.
type Report struct {
	Runs      int     `json:"runs"`
	WarmUp    int     `json:"warm_up_runs"`
	Min       float64 `json:"min_ms"`
	Median    float64 `json:"median_ms"`
	P95       float64 `json:"p95_ms"`
	P99       float64 `json:"p99_ms"`
	Max       float64 `json:"max_ms"`
	CPUMicros float64 `json:"cpu_us_per_run"` // all services, broker, database and client
}

// Run measures the recipe noop over one connection: it passes ingest, fetcher, cruncher and sink, and is answered when it is in the
// database.
func Run(ctx context.Context, cfg Config) (_ *Report, err error) {
	if cfg.Runs < 1 || cfg.WarmUp < 0 {
		return nil, fmt.Errorf("runs: %d is less than 1, or warm-up: %d is less than 0", cfg.Runs, cfg.WarmUp)
	}
	s, err := sandbox.Start(ctx, sandbox.Options{Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := s.Close(); err == nil {
			err = closeErr
		}
	}()
	c, err := s.Connect(ctx, "bench")
	if err != nil {
		return nil, err
	}
	if _, err := sequence(ctx, c, cfg.WarmUp); err != nil {
		return nil, fmt.Errorf("warm up: %w", err)
	}
	cpu := usage.CPU()
	took, err := sequence(ctx, c, cfg.Runs)
	if err != nil {
		return nil, err
	}
	cpu = usage.CPU() - cpu
	slices.Sort(took)
	return &Report{
		Runs: cfg.Runs, WarmUp: cfg.WarmUp,
		Min: took.quantile(0), Median: took.quantile(0.5), P95: took.quantile(0.95), P99: took.quantile(0.99), Max: took.quantile(1),
		CPUMicros: float64(cpu.Microseconds()) / float64(cfg.Runs),
	}, nil
}

func sequence(ctx context.Context, c *client.Client, n int) (durations, error) {
	took := make(durations, 0, n)
	for i := range n {
		start := time.Now()
		r, err := c.Run(ctx, "noop", client.Item{Text: strconv.Itoa(i)})
		if err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
		if r.Status != events.StatusOK {
			return nil, fmt.Errorf("run %d ended as %s: %s", i, r.Status, r.Error)
		}
	}
	return took, nil
}

type durations []time.Duration

// quantile is the smallest value that a share q of the sorted values does not exceed (nearest rank), in milliseconds.
func (d durations) quantile(q float64) float64 {
	rank := min(max(int(q*float64(len(d))+0.999999), 1), len(d))
	return float64(d[rank-1].Microseconds()) / 1000
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	fmt.Fprintf(w, "%d runs of noop through all stages, one after the other, into the database\n\n", r.Runs)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "min ms\tmedian\tp95\tp99\tmax\tCPU µs/run\t")
	fmt.Fprintf(t, "%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f\t\n", r.Min, r.Median, r.P95, r.P99, r.Max, r.CPUMicros)
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nWarm-up: %d runs before, which are not counted.\n", r.WarmUp)
	return err
}
