// Package cpu measures how fast work for the processors is done by the pipeline, against the same operations called in a loop, called by
// goroutines on all processors, and what one would write in Python, serially and with a pool of processes.
package cpu

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/bench/stats"
	"github.com/fetchmill/fetchmill/internal/sandbox"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Config says what is measured.
type Config struct {
	Rounds     int             // the median of them counts
	Thumbnails int             // how many are made
	HashBytes  int64           // of the file whose pieces are hashed
	Sizes      []time.Duration // of the items of the sweep
	Sweep      time.Duration   // how long all processors are busy with each size
	Python     string          // an interpreter; empty leaves Python out
	Log        *slog.Logger
	Progress   func(what string) // told what is being done; may be nil
}

// Report is what was found.
type Report struct {
	CPUs   int      `json:"cpus"`
	Rounds int      `json:"rounds"`
	Loads  []Load   `json:"loads"`
	Sweep  []Size   `json:"sweep"`
	Pays   *float64 `json:"pays_from_ms"`              // the size of an item from which the pipeline beats the loop; nil if none does
	Nearly *float64 `json:"within_tenth_from_ms"`      // and from which it does 90 % of the goroutines
	Python string   `json:"python_left_out,omitempty"` // why it is not there
}

// Load is some work, and how many seconds each contender took for it.
type Load struct {
	Name       string             `json:"name"`
	Items      int                `json:"items"`
	MSEach     float64            `json:"ms_each"` // in the loop
	Seconds    map[string]float64 `json:"seconds"`
	OfParallel float64            `json:"pipeline_of_errgroup"`
	Note       string             `json:"note,omitempty"`
}

// Size is one point of the sweep: items that take so long each.
type Size struct {
	MS         float64 `json:"ms"`
	Items      int     `json:"items"`
	Serial     float64 `json:"serial_seconds"`
	Parallel   float64 `json:"errgroup_seconds"`
	Pipeline   float64 `json:"pipeline_seconds"`
	OfParallel float64 `json:"pipeline_of_errgroup"`
	OfSerial   float64 `json:"pipeline_of_serial"`
}

// The contenders.
const (
	nameSerial   = "serial loop"
	nameParallel = "errgroup"
	namePipeline = "pipeline"
	namePython   = "Python"
	namePool     = "Python Pool"
)

func contenders() []string {
	return []string{nameSerial, nameParallel, namePipeline, namePython, namePool}
}

// Run measures.
func Run(ctx context.Context, cfg Config) (_ *Report, err error) {
	if cfg.Rounds < 1 {
		return nil, fmt.Errorf("rounds: %d is less than 1", cfg.Rounds)
	}
	dir, err := os.MkdirTemp("", "fetchmill-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // it is temporary
	loads, err := loads(cfg, dir)
	if err != nil {
		return nil, err
	}
	if !pictures(ctx, cfg.Python) {
		last := &loads[len(loads)-1]
		last.python, last.note = "", "not in Python, which has no PIL here (Debian: python3-pil)"
	}
	box, err := sandbox.Start(ctx, sandbox.Options{Log: cfg.Log, Configure: func(c *app.Config) {
		c.Files.Read, c.Recipes = []string{"in=" + dir}, recipes
	}})
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := box.Close(); err == nil {
			err = closeErr
		}
	}()
	c, err := box.Connect(ctx, "bench")
	if err != nil {
		return nil, err
	}
	b := &bench{cfg: cfg, client: c, dir: dir, set: operations(dir), cpus: runtime.GOMAXPROCS(0)}
	r := &Report{CPUs: b.cpus, Rounds: cfg.Rounds}
	if cfg.Python == "" {
		r.Python = "there is no python3, or it was not wanted"
	}
	if err := b.warmUp(ctx); err != nil {
		return nil, err
	}
	for i := range loads {
		l, err := b.load(ctx, &loads[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", loads[i].name, err)
		}
		r.Loads = append(r.Loads, l)
	}
	return r, b.sweep(ctx, r)
}

type bench struct {
	cfg    Config
	client *client.Client
	dir    string
	set    ops.Set
	cpus   int
	batch  int
}

func (b *bench) say(format string, args ...any) {
	if b.cfg.Progress != nil {
		b.cfg.Progress(fmt.Sprintf(format, args...))
	}
}

// warmUp lets everything be loaded and every connection be used once.
func (b *bench) warmUp(ctx context.Context) error {
	l := counting("warm-up", 1000, 1000)
	_, err := b.pipeline(ctx, &l)
	return err
}

// load has all contenders do some work, in turn, so that all see the same weather.
func (b *bench) load(ctx context.Context, w *work) (Load, error) {
	seconds := map[string][]float64{}
	for range b.cfg.Rounds {
		for _, name := range contenders() {
			took, ok, err := b.contend(ctx, name, w)
			if err != nil {
				return Load{}, fmt.Errorf("%s: %w", name, err)
			}
			if ok {
				seconds[name] = append(seconds[name], took.Seconds())
				b.say("%s: %s in %.3f s", w.name, name, took.Seconds())
			}
		}
	}
	out := Load{Name: w.name, Items: w.items, Seconds: map[string]float64{}, Note: w.note}
	for name, list := range seconds {
		out.Seconds[name] = stats.Median(list)
	}
	out.MSEach = out.Seconds[nameSerial] * 1000 / float64(w.items)
	out.OfParallel = out.Seconds[nameParallel] / out.Seconds[namePipeline]
	return out, nil
}

// contend has one contender do some work. It returns false if that contender cannot.
func (b *bench) contend(ctx context.Context, name string, w *work) (took time.Duration, ok bool, err error) {
	switch name {
	case nameSerial:
		took, err = b.serial(ctx, w)
	case nameParallel:
		took, err = b.parallel(ctx, w)
	case namePipeline:
		took, err = b.pipeline(ctx, w)
	default:
		if b.cfg.Python == "" || w.python == "" {
			return 0, false, nil
		}
		took, err = b.python(ctx, w, name == namePool)
	}
	return took, true, err
}

func (b *bench) serial(ctx context.Context, w *work) (time.Duration, error) {
	began := time.Now()
	for i := range w.items {
		if err := w.do(ctx, b.set, i); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

func (b *bench) parallel(ctx context.Context, w *work) (time.Duration, error) {
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(b.cpus)
	for i := range w.items {
		group.Go(func() error { return w.do(ctx, b.set, i) })
	}
	err := group.Wait()
	return time.Since(began), err
}

// pipeline submits the work as a batch and waits for its end.
func (b *bench) pipeline(ctx context.Context, w *work) (time.Duration, error) {
	b.batch++
	name := fmt.Sprintf("bench-%d", b.batch)
	items := func(yield func(client.Item, error) bool) {
		for i := range w.items {
			if !yield(client.Item{Params: w.item(i)}, nil) {
				return
			}
		}
	}
	began := time.Now()
	if _, err := b.client.Submit(ctx, w.recipe, items, client.SubmitOptions{Batch: name}); err != nil {
		return 0, err
	}
	done, err := b.client.WaitBatch(ctx, name, client.WaitOptions{})
	took := time.Since(began)
	if err == nil && done.OK != int64(w.items) {
		err = fmt.Errorf("%d of %d items were done", done.OK, w.items)
		for r, resultErr := range b.client.Results(ctx, events.ResultQuery{Batch: name, Status: events.StatusFailed, Limit: 1}) {
			if resultErr == nil {
				err = fmt.Errorf("%w: %s", err, r.Error)
			}
			break
		}
	}
	return took, err
}

// sweep finds out from which size of an item on it pays to hand it to the pipeline.
func (b *bench) sweep(ctx context.Context, r *Report) error {
	perMS := b.calibrate(ctx)
	for _, size := range b.cfg.Sizes {
		n := int(b.cfg.Sweep.Seconds() * float64(b.cpus) / size.Seconds())
		l := counting("sweep", int64(perMS*size.Seconds()*1000), max(n, 4*b.cpus))
		var serial, parallel, pipeline []float64
		for range b.cfg.Rounds {
			for to, f := range map[*[]float64]func(context.Context, *work) (time.Duration, error){&serial: b.serial, &parallel: b.parallel, &pipeline: b.pipeline} {
				took, err := f(ctx, &l)
				if err != nil {
					return err
				}
				*to = append(*to, took.Seconds())
			}
		}
		s := Size{Items: l.items, Serial: stats.Median(serial), Parallel: stats.Median(parallel), Pipeline: stats.Median(pipeline)}
		s.MS = s.Serial * 1000 / float64(l.items)
		s.OfParallel, s.OfSerial = s.Parallel/s.Pipeline, s.Serial/s.Pipeline
		b.say("%d items of %.2f ms: %.2f of errgroup, %.2f of the loop", s.Items, s.MS, s.OfParallel, s.OfSerial)
		r.Sweep = append(r.Sweep, s)
	}
	r.Pays = from(r.Sweep, func(s Size) bool { return s.OfSerial >= 1 })
	r.Nearly = from(r.Sweep, func(s Size) bool { return s.OfParallel >= 0.9 })
	return nil
}

// from is the least size from which on all sizes are as wanted.
func from(sizes []Size, wanted func(Size) bool) *float64 {
	var least *float64
	for i := len(sizes) - 1; i >= 0 && wanted(sizes[i]); i-- {
		least = &sizes[i].MS
	}
	return least
}

// calibrate returns how far is counted in a millisecond.
func (b *bench) calibrate(ctx context.Context) float64 {
	const to = 300_000_000
	l := counting("calibration", to, 1)
	took, err := b.serial(ctx, &l)
	if err != nil || took <= 0 {
		return 1e6
	}
	return to / (took.Seconds() * 1000)
}
