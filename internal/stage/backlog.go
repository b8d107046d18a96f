package stage

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/scaling"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// backlog tells metrics about what waits for all workers of a stage, and how many workers would be right for it. It asks the broker when
// somebody asks for the metrics, so it costs nothing where nobody does. All workers of a stage tell about the same, each by its own speed.
type backlog struct {
	js      jetstream.JetStream
	cfg     Config
	load    func() events.Load
	metrics backlogMetrics

	mu      sync.Mutex // one look at a time
	arrival scaling.Rate
}

type backlogMetrics struct{ lag, arrival, capacity, wanted *prometheus.Desc }

// backlogPatience bounds a look, so that metrics come when the broker does not answer.
const backlogPatience = 2 * time.Second

func registerBacklog(env host.Env, cfg Config, load func() events.Load) error {
	js, err := jetstream.New(env.Conn)
	if err != nil {
		return fmt.Errorf("metrics of stage %s: %w", cfg.Stage, err)
	}
	b := &backlog{js: js, cfg: cfg, load: load, metrics: backlogMetrics{
		lag:      prometheus.NewDesc("fetchmill_stage_lag", "Items that have come to the stage and are not done, of all workers.", nil, nil),
		arrival:  prometheus.NewDesc("fetchmill_stage_arrival_per_second", "Items per second that come to the stage, of all workers.", nil, nil),
		capacity: prometheus.NewDesc("fetchmill_stage_capacity_per_second", "Items per second that this worker could do; 0 until one has ended.", nil, nil),
		wanted:   prometheus.NewDesc("fetchmill_stage_wanted_replicas", "Workers like this one that would be right for what waits and what comes.", nil, nil),
	}}
	reg := prometheus.WrapRegistererWith(prometheus.Labels{"stage": string(cfg.Stage)}, env.Metrics)
	if err := reg.Register(b); err != nil {
		return fmt.Errorf("metrics of stage %s: %w", cfg.Stage, err)
	}
	return nil
}

// Describe lists the metrics.
func (b *backlog) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{b.metrics.lag, b.metrics.arrival, b.metrics.capacity, b.metrics.wanted} {
		ch <- d
	}
}

// Collect looks. What the broker does not tell is left out: an old number would be taken for a new one.
func (b *backlog) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64) { ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	d := scaling.Demand{Capacity: b.load().Capacity}
	gauge(b.metrics.capacity, d.Capacity)
	if err := b.look(&d); err != nil {
		return
	}
	gauge(b.metrics.lag, float64(d.Lag()))
	gauge(b.metrics.arrival, d.Arrival)
	gauge(b.metrics.wanted, float64(scaling.Bounds{Least: 1, Within: scaling.DefaultWithin}.Want(d)))
}

func (b *backlog) look(d *scaling.Demand) error {
	ctx, cancel := context.WithTimeout(context.Background(), backlogPatience)
	defer cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, source := range b.cfg.Sources {
		if i == 0 { // all are of one stream
			stream, err := b.js.Stream(ctx, source.Stream)
			if err != nil {
				return err
			}
			b.arrival.Add(time.Now(), stream.CachedInfo().State.LastSeq)
		}
		consumer, err := b.js.Consumer(ctx, source.Stream, source.Consumer)
		if err != nil {
			return err
		}
		info := consumer.CachedInfo()
		d.Pending += info.NumPending
		d.InProgress += uint64(max(info.NumAckPending, 0))
	}
	d.Arrival = b.arrival.PerSecond()
	return nil
}
