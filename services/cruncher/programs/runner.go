package programs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

const (
	// grace is how long a process may take to end by itself after its input has ended.
	grace = 2 * time.Second
	// mostWait is how long an item waits for a process before it comes again later.
	mostWait = time.Second
	// maxErrorBytes and maxTracebackBytes are how much is kept of what a program says about an error.
	maxErrorBytes     = 2 << 10
	maxTracebackBytes = 16 << 10
)

// Config says how programs are run.
type Config struct {
	Workers int          // processes of each program that does not say it itself; 0 means as many as CPUs
	Log     *slog.Logger // nil logs nothing
}

// Runner runs the programs of a catalogue. A nil *Runner has none.
type Runner struct {
	catalogue *Catalogue
	pools     map[string]*pool
	thread    *starter
	wg        sync.WaitGroup // of all goroutines but the thread's
	closing   sync.Once
}

// New makes a Runner. No process is started before there is an item for it. Close the Runner when the last call has returned.
func New(c *Catalogue, cfg Config) *Runner {
	if c == nil {
		return nil
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	r := &Runner{catalogue: c, pools: make(map[string]*pool, len(c.programs)), thread: &starter{jobs: make(chan func())}}
	for name, p := range c.programs {
		p.workers = cmp.Or(p.workers, cfg.Workers, runtime.GOMAXPROCS(0))
		r.pools[name] = newPool(p, log, r.thread, &r.wg, mostWait)
	}
	return r
}

// Output is what a program has answered. A nil Value says nothing about a value.
type Output struct {
	Value json.RawMessage
	Body  []byte
}

// Run has a program do an item. It returns soon after ctx ends. Its errors are verdicts, or the context's own.
func (r *Runner) Run(ctx context.Context, name string, c Call) (Output, error) {
	l, err := r.find(name)
	if err != nil {
		return Output{}, err
	}
	a, err := l.run(ctx, c)
	if err != nil {
		return Output{}, err
	}
	if a.Error == nil {
		return Output{Value: a.Value, Body: a.Body}, nil
	}
	return a.failure(name)
}

func (r *Runner) find(name string) (*pool, error) {
	switch {
	case name == "":
		return nil, ops.Fail(events.ReasonMissingParameter, errors.New(`exec needs the argument "program", the name of one of the operator's programs`))
	case r == nil:
		return nil, ops.Fail(events.ReasonForbiddenTarget, errors.New("this cruncher has no programs: its operator can list some with --programs FILE"))
	}
	l, ok := r.pools[name]
	if !ok {
		return nil, ops.Fail(events.ReasonInvalidParameter, fmt.Errorf("program %.60q is none of this cruncher's: there are %s", name, strings.Join(r.catalogue.Names(), ", ")))
	}
	return l, nil
}

// failure is the verdict of the program itself.
func (a answer) failure(name string) (Output, error) {
	text := *a.Error
	if len(text) > maxErrorBytes {
		text = strings.ToValidUTF8(text[:maxErrorBytes], "") + "…"
	}
	out := Output{Value: a.Value}
	if out.Value == nil && a.Traceback != "" {
		trace := a.Traceback
		if len(trace) > maxTracebackBytes { // what went wrong is told at its end
			trace = "…" + strings.ToValidUTF8(trace[len(trace)-maxTracebackBytes:], "")
		}
		out.Value = ops.JSON(map[string]string{"traceback": trace})
	}
	return out, &ops.Failure{
		Reason: cmp.Or(a.Reason, events.ReasonComputation), Temporary: a.Retry, Err: fmt.Errorf("program %s: %s", name, text),
	}
}

// Close ends all processes: their input ends, and those that do not end soon are killed. It waits until none is left.
func (r *Runner) Close() error {
	if r == nil {
		return nil
	}
	r.closing.Do(func() {
		for _, l := range r.pools {
			l.close()
		}
		r.wg.Wait()
		r.thread.stop()
	})
	return nil
}
