package stage

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fetchmill/fetchmill/internal/budget"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// metrics of one stage. All series exist from the start, so that a rate over them is right from the first message.
type metrics struct {
	outcomes map[Outcome]prometheus.Counter
	failures map[events.Reason]prometheus.Counter
	duration prometheus.Histogram
	inFlight prometheus.Gauge
	held     prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, stage events.Stage, load func() events.Load) (*metrics, error) {
	reg = prometheus.WrapRegistererWith(prometheus.Labels{"stage": string(stage)}, reg)
	messages := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fetchmill_stage_messages_total", Help: "Messages by what came of them.",
	}, []string{"outcome"})
	failures := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fetchmill_stage_failures_total", Help: "Attempts that failed and items that ended without success, by the reason.",
	}, []string{"reason"})
	m := &metrics{
		outcomes: map[Outcome]prometheus.Counter{},
		failures: map[events.Reason]prometheus.Counter{},
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "fetchmill_stage_duration_seconds", Help: "Time from a message's start to its verdict and the confirmation of what it published.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 10),
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "fetchmill_stage_in_flight", Help: "Messages being worked on.",
		}),
		held: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "fetchmill_stage_publish_retries_total", Help: "Publishes tried again because a stream was full or the broker away.",
		}),
	}
	for _, o := range []Outcome{OutcomeDone, OutcomeFailed, OutcomeCancelled, OutcomeRetry, OutcomeWaiting, OutcomeRejected} {
		m.outcomes[o] = messages.WithLabelValues(string(o))
	}
	for _, r := range events.Reasons() {
		m.failures[r] = failures.WithLabelValues(string(r))
	}
	var errs []error
	limit := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fetchmill_stage_concurrency_limit", Help: "Handlers that may be at work at the same time.",
	}, func() float64 { return float64(load().Limit) })
	parked := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fetchmill_stage_parked", Help: "Handlers that only wait and have given their place away.",
	}, func() float64 { return float64(load().Parked) })
	for _, c := range []prometheus.Collector{messages, failures, m.duration, m.inFlight, m.held, limit, parked} {
		errs = append(errs, reg.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("metrics of stage %s: %w", stage, err)
	}
	return m, nil
}

func (m *metrics) observe(o Outcome, reason events.Reason, elapsed time.Duration) {
	m.outcomes[o].Inc()
	if c := m.failures[reason]; c != nil {
		c.Inc()
	}
	m.duration.Observe(elapsed.Seconds())
}

// registerMemory tells of the memory that operations have reserved.
func registerMemory(reg prometheus.Registerer, stage events.Stage, b *budget.Budget) error {
	reg = prometheus.WrapRegistererWith(prometheus.Labels{"stage": string(stage)}, reg)
	limit := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fetchmill_stage_memory_limit_bytes", Help: "Memory that operations on all items may take together.",
	}, func() float64 { return float64(b.Bytes()) })
	taken := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fetchmill_stage_memory_reserved_bytes", Help: "Memory that operations have reserved.",
	}, func() float64 { return float64(b.Taken()) })
	if err := errors.Join(reg.Register(limit), reg.Register(taken)); err != nil {
		return fmt.Errorf("metrics of stage %s: %w", stage, err)
	}
	return nil
}
