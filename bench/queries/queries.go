package queries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/fetchmill/fetchmill/bench/stats"
	"github.com/fetchmill/fetchmill/bench/usage"
	"github.com/fetchmill/fetchmill/internal/store"
)

// Config says what is measured.
type Config struct {
	Rows     int
	Targets  int               // with a year of checks each; none are asked for if it is 0
	Times    int               // that each query is asked
	Postgres string            // URL of a PostgreSQL, where a schema is made and dropped; empty means a SQLite
	Progress func(what string) // told what is being done; may be nil
}

// Report is what was found.
type Report struct {
	Database string  `json:"database"`
	Rows     int     `json:"rows"`
	Targets  int     `json:"targets"`
	Times    int     `json:"times"`
	CPUs     int     `json:"cpus"`
	FillS    float64 `json:"fill_s"`
	Grown    int64   `json:"grown_bytes"` // by how much this process grew at most while it asked; a PostgreSQL has memory of its own
	Queries  []Query `json:"queries"`
}

// Query is what was found about one.
type Query struct {
	Name     string  `json:"name"`
	Found    int     `json:"found"` // rows of the answer
	MedianMS float64 `json:"median_ms"`
	WorstMS  float64 `json:"worst_ms"`
	FirstMS  float64 `json:"first_ms"` // with nothing about it in memory yet
}

// Run fills a new database, and asks.
func Run(ctx context.Context, cfg Config) (r *Report, err error) {
	if cfg.Rows < 1 || cfg.Targets < 0 || cfg.Times < 1 {
		return nil, errors.New("rows and times must be at least 1, and targets no less than 0")
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	p := placeOf(cfg.Postgres)
	r = &Report{Database: p.name, Rows: cfg.Rows, Targets: cfg.Targets, Times: cfg.Times, CPUs: runtime.GOMAXPROCS(0)}
	url, drop, err := p.fresh(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, drop()) }()
	start := time.Now()
	if err := p.fillTargets(ctx, url, cfg.Targets); err != nil {
		return nil, fmt.Errorf("make targets: %w", err)
	}
	cfg.Progress(fmt.Sprintf("%d targets are there; inserting results", cfg.Targets))
	if err := p.fill(ctx, url, cfg.Rows, cfg.Progress); err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	r.FillS = time.Since(start).Seconds()
	db, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(db.Close(), err) }()
	cfg.Progress(fmt.Sprintf("filled in %.0f s; asking", r.FillS))
	usage.ResetPeak()
	before := usage.Peak()
	list := questions(cfg.Rows)
	if cfg.Targets > 0 {
		list = append(list, aboutTargets(cfg.Targets)...)
	}
	for _, q := range list {
		found, err := q.measure(ctx, db, cfg.Times)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.name, err)
		}
		r.Queries = append(r.Queries, found)
	}
	r.Grown = usage.Peak() - before
	return r, nil
}

func (q question) measure(ctx context.Context, db *store.DB, times int) (Query, error) {
	found, took := Query{Name: q.name}, []float64{}
	for range times {
		start := time.Now()
		n, err := q.ask(ctx, db)
		if err != nil {
			return found, err
		}
		took = append(took, float64(time.Since(start).Microseconds())/1000)
		found.Found = n
	}
	found.MedianMS, found.WorstMS, found.FirstMS = stats.Median(took), slices.Max(took), took[0]
	return found, nil
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(t, "query\trows found\tmedian\tworst\tfirst\t\n")
	for _, q := range r.Queries {
		_, _ = fmt.Fprintf(t, "%s\t%d\t%.1f ms\t%.1f ms\t%.1f ms\t\n", q.Name, q.Found, q.MedianMS, q.WorstMS, q.FirstMS)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s with %d rows and %d targets, filled in %.0f s; each query asked %d times, on %d CPUs, for which memory grew by %d MiB.\n",
		r.Database, r.Rows, r.Targets, r.FillS, r.Times, r.CPUs, r.Grown>>20)
	return err
}
