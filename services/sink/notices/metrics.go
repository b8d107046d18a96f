package notices

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fetchmill/fetchmill/services/sink/notices/outlet"
)

// metrics have the names of channels as labels: they are the operator's, and few.
type metrics struct {
	notices  *prometheus.CounterVec
	attempts *prometheus.CounterVec
	delay    *prometheus.HistogramVec
	duration *prometheus.HistogramVec
	last     *prometheus.GaugeVec
}

// channelMetrics are those of one channel.
type channelMetrics struct {
	sentTotal, deadTotal    prometheus.Counter
	taken, failing, refused prometheus.Counter
	delay, duration         prometheus.Observer
	lastSent, lastFailed    prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		notices: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fetchmill_notices_total", Help: "Notices by what came of them: sent, or dead letters.",
		}, []string{"channel", "outcome"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fetchmill_notice_messages_total", Help: "Messages by how the channel took them: sent, failed (tried again later) or refused.",
		}, []string{"channel", "outcome"}),
		delay: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fetchmill_notice_delay_seconds", Help: "Time from the decision to tell until the receiver has taken the notice.",
			Buckets: prometheus.ExponentialBuckets(0.05, 4, 10),
		}, []string{"channel"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "fetchmill_notice_send_seconds", Help: "Time for sending a message that was taken.",
			Buckets: prometheus.ExponentialBuckets(0.005, 4, 8),
		}, []string{"channel"}),
		last: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "fetchmill_notice_last_timestamp_seconds", Help: "When a message was last sent, and last failed; 0 for never since the start.",
		}, []string{"channel", "outcome"}),
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.notices, m.attempts, m.delay, m.duration, m.last} {
		errs = append(errs, reg.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("metrics of notices: %w", err)
	}
	return m, nil
}

func (m *metrics) channel(name string) channelMetrics {
	return channelMetrics{
		sentTotal: m.notices.WithLabelValues(name, "sent"), deadTotal: m.notices.WithLabelValues(name, "dead"),
		taken: m.attempts.WithLabelValues(name, "sent"), failing: m.attempts.WithLabelValues(name, "failed"),
		refused: m.attempts.WithLabelValues(name, "refused"),
		delay:   m.delay.WithLabelValues(name), duration: m.duration.WithLabelValues(name),
		lastSent: m.last.WithLabelValues(name, "sent"), lastFailed: m.last.WithLabelValues(name, "failed"),
	}
}

func (m channelMetrics) sent(group []*held, took time.Duration) {
	m.taken.Inc()
	m.sentTotal.Add(float64(len(group)))
	m.duration.Observe(took.Seconds())
	for _, h := range group {
		m.delay.Observe(max(0, time.Since(h.notice.At).Seconds()))
	}
	m.lastSent.SetToCurrentTime()
}

func (m channelMetrics) attempt(f *outlet.Failure) {
	if f.Refused {
		m.refused.Inc()
	} else {
		m.failing.Inc()
	}
	m.lastFailed.SetToCurrentTime()
}

func (m channelMetrics) dead(n int) { m.deadTotal.Add(float64(n)) }
