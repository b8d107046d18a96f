package sink

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type schedulerMetrics struct {
	targets          prometheus.Gauge
	ordered, skipped prometheus.Counter
}

func newSchedulerMetrics(reg prometheus.Registerer) (*schedulerMetrics, error) {
	checks := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fetchmill_uptime_checks_total", Help: "Checks of targets that were due, by what came of them.",
	}, []string{"outcome"})
	m := &schedulerMetrics{
		targets: prometheus.NewGauge(prometheus.GaugeOpts{Name: "fetchmill_uptime_targets", Help: "Targets that are watched."}),
		ordered: checks.WithLabelValues("ordered"), skipped: checks.WithLabelValues("skipped"),
	}
	return m, errors.Join(reg.Register(checks), reg.Register(m.targets))
}
