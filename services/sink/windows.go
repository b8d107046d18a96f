package sink

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/store"
)

const (
	// closeEvery is how often it is looked for windows that are to be closed.
	closeEvery = time.Second
	// closeRest lets results come between the steps.
	closeRest = 10 * time.Millisecond
)

// Windows closes windows of time, by what has come and, where sources are silent, by the clock.
type Windows struct {
	db        *store.DB
	connected func() bool // to the broker: while nothing can come, silence says nothing
	log       *slog.Logger
	clock     *clock
	every     time.Duration
}

// NewWindows returns a loop that closes windows.
func NewWindows(db *store.DB, connected func() bool, now func() time.Time, metrics prometheus.Registerer, log *slog.Logger) (*Windows, error) {
	return &Windows{db: db, connected: connected, log: log, clock: newClock(now), every: closeEvery}, windowMetrics(db, metrics)
}

func windowMetrics(db *store.DB, reg prometheus.Registerer) error {
	const name, help = "fetchmill_sink_window_results_total", "Results that came for windows of time, by what became of them."
	outcome := func(of string, n func(store.WindowCounts) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: prometheus.Labels{"outcome": of}},
			func() float64 { return float64(n(db.WindowCounts())) })
	}
	return errors.Join(
		reg.Register(outcome("counted", func(c store.WindowCounts) int64 { return c.Counted })),
		reg.Register(outcome("late", func(c store.WindowCounts) int64 { return c.Late })),
		reg.Register(outcome("skipped", func(c store.WindowCounts) int64 { return c.Skipped })),
		reg.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "fetchmill_sink_windows_closed_total", Help: "Windows of time that this sink has closed.",
		}, func() float64 { return float64(db.WindowCounts().Closed) })))
}

// Run closes windows until ctx ends.
func (x *Windows) Run(ctx context.Context) {
	since := x.clock.last.said
	for host.Pause(ctx, x.every) {
		now, set := x.clock.look()
		connected := x.connected()
		if !connected || set != 0 { // a clock that was set says nothing about silence before
			since = now
		}
		if !connected {
			continue
		}
		if err := x.all(ctx, now, since); err != nil && ctx.Err() == nil {
			x.log.Error("cannot close windows; the next try comes by itself", logError, err)
		}
	}
}

// all closes in small steps until there is nothing more to close.
func (x *Windows) all(ctx context.Context, now, since time.Time) error {
	for {
		n, more, err := x.db.CloseWindows(ctx, now, since)
		if n > 0 {
			x.log.Debug("windows closed", logWindows, n)
		}
		if err != nil || !more {
			return err
		}
		if !host.Pause(ctx, closeRest) {
			return ctx.Err()
		}
	}
}
