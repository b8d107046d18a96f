package sinkrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/fetchmill/fetchmill/bench/fresh"
	"github.com/fetchmill/fetchmill/bench/stats"
	"github.com/fetchmill/fetchmill/bench/usage"
	"github.com/fetchmill/fetchmill/internal/reduce"
	"github.com/fetchmill/fetchmill/internal/window"
)

// Config says what is measured.
type Config struct {
	Rows     int    // in each round
	Group    int    // rows in a transaction of the store and of the bare loop; the sink decides itself
	Hosts    int    // that the rows are about
	Rounds   int    // the median of them counts
	Reduce   bool   // measure with reductions, too
	Windows  bool   // and with windows of time
	NoSQLite bool   // leave SQLite out
	Postgres string // URL of a PostgreSQL, where a schema is made and dropped; empty leaves it out
	Log      *slog.Logger
	reduce   json.RawMessage   // what rows come with
	window   json.RawMessage   // likewise
	Progress func(what string) // told what is being done; may be nil
}

// Report is what was found.
type Report struct {
	Rows      int        `json:"rows"`
	Group     int        `json:"group"`
	Hosts     int        `json:"hosts"`
	Rounds    int        `json:"rounds"`
	CPUs      int        `json:"cpus"`
	Databases []Database `json:"databases"`
}

// Database is what was found with one.
type Database struct {
	Name    string  `json:"name"`
	Bare    Figures `json:"bare"`
	Store   Figures `json:"store"`
	Sink    Figures `json:"sink"`
	StoreOf float64 `json:"store_of_bare"` // medians of the rounds' ratios
	SinkOf  float64 `json:"sink_of_bare"`
	// Reduced is what was found with reductions; nil if that was not wanted.
	Reduced *Reduced `json:"reduced,omitempty"`
	// Windowed is what was found with windows of time; nil if that was not wanted.
	Windowed *Windowed `json:"windowed,omitempty"`
}

// Reduced is what was found with reductions.
type Reduced struct {
	Reductions []string `json:"reductions"`
	More
}

// Windowed is what was found with windows of time.
type Windowed struct {
	Window string `json:"window"`
	More
}

// More is what was found where there is more to do for each row.
type More struct {
	Store   Figures `json:"store"`
	Sink    Figures `json:"sink"`
	StoreOf float64 `json:"store_of_store_without"` // medians of the rounds' ratios
	SinkOf  float64 `json:"sink_of_sink_without"`
}

// Figures are the medians of all rounds, and the rates of each. The CPU time is that of this process: a PostgreSQL has its own.
type Figures struct {
	PerSecond    float64   `json:"per_second"`
	CPUMicrosRow float64   `json:"cpu_us_per_row"`
	Rates        []float64 `json:"per_second_of_rounds"`
	cpu          []float64
}

// spent is what rows took, the making of them aside.
type spent struct{ time, cpu time.Duration }

// since adds what was spent since then.
func (s *spent) since(start time.Time, cpu time.Duration) {
	s.time += time.Since(start)
	s.cpu += usage.CPU() - cpu
}

// place is a database to measure in: fresh makes an empty one and tells its URL, and how to be rid of it.
type place struct {
	name  string
	bare  func(ctx context.Context, url string, cfg Config) (spent, error)
	fresh func(ctx context.Context) (url string, drop func() error, err error)
}

// label tells in a CPU profile what was being measured: its values are like "PostgreSQL/sink".
const label = "run"

// Run measures in turn, each with a new database.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Rows < 1 || cfg.Group < 1 || cfg.Hosts < 1 || cfg.Rounds < 1 {
		return nil, errors.New("rows, group, hosts and rounds must be at least 1")
	}
	var places []place
	if !cfg.NoSQLite {
		places = append(places, place{"SQLite", bareSQLite, fresh.File})
	}
	if cfg.Postgres != "" {
		places = append(places, place{"PostgreSQL", barePostgres, func(ctx context.Context) (string, func() error, error) {
			return fresh.Schema(ctx, cfg.Postgres)
		}})
	}
	if len(places) == 0 {
		return nil, errors.New("no database is left to measure: give the URL of a PostgreSQL")
	}
	r := &Report{Rows: cfg.Rows, Group: cfg.Group, Hosts: cfg.Hosts, Rounds: cfg.Rounds, CPUs: runtime.GOMAXPROCS(0)}
	for _, p := range places {
		d := Database{Name: p.name}
		runs, err := d.runs(p, cfg)
		if err != nil {
			return nil, err
		}
		for round := range cfg.Rounds {
			for _, c := range runs {
				if cfg.Progress != nil {
					cfg.Progress(fmt.Sprintf("round %d of %d: %s, %s", round+1, cfg.Rounds, p.name, c.name))
				}
				pprof.Do(ctx, pprof.Labels(label, p.name+"/"+c.name), func(ctx context.Context) { err = c.to.measure(ctx, p, c.cfg, c.run) })
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", p.name, c.name, err)
				}
			}
		}
		for _, c := range runs {
			c.to.PerSecond, c.to.CPUMicrosRow = stats.Median(c.to.Rates), stats.Median(c.to.cpu)
		}
		d.StoreOf, d.SinkOf = ratio(d.Store, d.Bare), ratio(d.Sink, d.Bare)
		for _, m := range d.more() {
			m.StoreOf, m.SinkOf = ratio(m.Store, d.Store), ratio(m.Sink, d.Sink)
		}
		r.Databases = append(r.Databases, d)
	}
	return r, nil
}

// run is one way for the rows to take.
type run struct {
	name string
	cfg  Config
	run  func(context.Context, string, Config) (spent, error)
	to   *Figures
}

// reductions are what rows are reduced to, if that is wanted: one of each kind that costs something.
var reductions = []string{
	"count by host(key)", "sum(index) by host(key)", "stddev(value.words) by host(key)", "quantiles(index) by host(key)", "distinct(key) by host(key)",
}

// windows are what rows are taken into: tumbling ones, for each host, in which the rows' words are added up.
func windows() (window.Spec, error) {
	sum, err := reduce.Parse("sum(value.words)")
	if err != nil {
		return window.Spec{}, err
	}
	return window.New(window.Spec{Size: windowSize, By: "host(key)", Lateness: -1, Idle: -1, Reduce: sum})
}

// runs are those of a round.
func (d *Database) runs(p place, cfg Config) ([]run, error) {
	list := []run{{"bare loop", cfg, p.bare, &d.Bare}, {"store", cfg, throughStore, &d.Store}, {"sink", cfg, throughSink, &d.Sink}}
	more := func(with string, cfg Config, m *More) {
		list = append(list, run{"store with " + with, cfg, throughStore, &m.Store}, run{"sink with " + with, cfg, throughSink, &m.Sink})
	}
	if cfg.Reduce {
		spec, err := reduce.Parse(reductions...)
		if err != nil {
			return nil, err
		}
		d.Reduced = &Reduced{Reductions: reductions}
		reduced := cfg
		reduced.reduce = spec.JSON()
		more("reductions", reduced, &d.Reduced.More)
	}
	if cfg.Windows {
		spec, err := windows()
		if err != nil {
			return nil, err
		}
		windowed := cfg
		windowed.window = spec.JSON()
		d.Windowed = &Windowed{Window: string(windowed.window)}
		more("windows", windowed, &d.Windowed.More)
	}
	return list, nil
}

// more are those of the figures that there are.
func (d *Database) more() (list []*More) {
	if d.Reduced != nil {
		list = append(list, &d.Reduced.More)
	}
	if d.Windowed != nil {
		list = append(list, &d.Windowed.More)
	}
	return list
}

func (f *Figures) measure(ctx context.Context, p place, cfg Config, run func(context.Context, string, Config) (spent, error)) error {
	url, drop, err := p.fresh(ctx)
	if err != nil {
		return err
	}
	s, err := run(ctx, url, cfg)
	if err = errors.Join(err, drop()); err != nil {
		return err
	}
	f.Rates = append(f.Rates, float64(cfg.Rows)/s.time.Seconds())
	f.cpu = append(f.cpu, float64(s.cpu.Microseconds())/float64(cfg.Rows))
	return nil
}

// ratio is the median of the rounds' ratios, so that a machine that is busy for a while affects both sides.
func ratio(a, b Figures) float64 {
	list := make([]float64, len(a.Rates))
	for i := range list {
		list[i] = a.Rates[i] / b.Rates[i]
	}
	return stats.Median(list)
}
