package politeness

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	turns                                    *prometheus.CounterVec
	atOnce, waited, later, broken, cancelled prometheus.Counter
}

// newMetrics makes all series, so that a rate over them is right from the first turn.
func newMetrics() *metrics {
	turns := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fetchmill_politeness_turns_total", Help: "Requests for a turn at a host by what came of them.",
	}, []string{"outcome"})
	return &metrics{
		turns: turns, atOnce: turns.WithLabelValues("at_once"), waited: turns.WithLabelValues("waited"),
		later: turns.WithLabelValues("later"), broken: turns.WithLabelValues("broken"), cancelled: turns.WithLabelValues("cancelled"),
	}
}

func (m *metrics) refused(err error) {
	var (
		later  *Later
		broken *Broken
	)
	switch {
	case errors.As(err, &later):
		m.later.Inc()
	case errors.As(err, &broken):
		m.broken.Inc()
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		m.cancelled.Inc()
	}
}

// collector adds what is counted when somebody asks.
type collector struct{ p *Politeness }

var (
	hostsDesc   = prometheus.NewDesc("fetchmill_politeness_hosts", "Hosts that are remembered.", nil, nil)
	pausedDesc  = prometheus.NewDesc("fetchmill_politeness_hosts_paused", "Hosts that have asked to slow down.", nil, nil)
	openDesc    = prometheus.NewDesc("fetchmill_politeness_circuits_open", "Hosts that do not answer.", nil, nil)
	waitingDesc = prometheus.NewDesc("fetchmill_politeness_waiting", "Requests that wait for their turn.", nil, nil)
	peersDesc   = prometheus.NewDesc("fetchmill_politeness_fetchers", "Fetchers that share the limits.", nil, nil)
)

func (c collector) Describe(ch chan<- *prometheus.Desc) {
	c.p.metrics.turns.Describe(ch)
	for _, d := range []*prometheus.Desc{hostsDesc, pausedDesc, openDesc, waitingDesc, peersDesc} {
		ch <- d
	}
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	c.p.metrics.turns.Collect(ch)
	now := time.Now()
	var paused, open int
	c.p.each(func(h *host) {
		if h.pause.until.After(now) {
			paused++
		}
		if h.circuit.open {
			open++
		}
	})
	for _, g := range []struct {
		desc  *prometheus.Desc
		value int
	}{
		{hostsDesc, int(c.p.hosts.Load())},
		{pausedDesc, paused},
		{openDesc, open},
		{waitingDesc, int(c.p.waiting.Load())},
		{peersDesc, c.p.Fetchers()},
	} {
		ch <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, float64(g.value))
	}
}
