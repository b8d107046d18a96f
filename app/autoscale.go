package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/quota"
	"github.com/fetchmill/fetchmill/internal/replicas"
	"github.com/fetchmill/fetchmill/internal/scaling"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/cruncher"
)

// Autoscale says within what the number of fetchers and crunchers follows what there is to do. The first of each is in this process, the
// others are processes of their own on this machine. It needs an embedded broker.
type Autoscale struct {
	Fetchers  Range
	Crunchers Range         // Most 0 is as many as fill the CPUs
	Within    time.Duration // what waits is to be worked off in this time
	Rest      time.Duration // one is stopped when fewer were enough for so long
	Settle    time.Duration // between two rises; 0 is scaling.DefaultSettle

	Command func() *exec.Cmd `json:"-"` // makes a process that reads a Config with replicas.Read and runs it
}

// Range is how many there are at least and at most, that in this process included.
type Range struct{ Least, Most int }

// DefaultMaxFetchers is how many fetchers there are at most unless told otherwise.
const DefaultMaxFetchers = 4

func (s Autoscale) policy(r Range) scaling.Policy {
	settle := s.Settle
	if settle == 0 {
		settle = scaling.DefaultSettle
	}
	return scaling.Policy{Bounds: scaling.Bounds{Least: r.Least, Most: r.Most, Within: s.Within}, Settle: settle, Rest: s.Rest}
}

// crunchers is the range with its default filled in: more workers than CPUs would only take them from each other.
func (c Config) crunchers() Range {
	r := c.Autoscale.Crunchers
	if r.Most == 0 {
		workers := cruncher.Config{Concurrency: c.Crunchers, CPUShare: c.CPUShare}.Workers().Limit()
		r.Most = max(r.Least, int(quota.CPUs())/workers, 1)
	}
	return r
}

func (c Config) validateAutoscale() error {
	s := c.Autoscale
	if s == nil {
		return nil
	}
	var errs []error
	if c.Broker == nil || s.Command == nil {
		errs = append(errs, errors.New("autoscaling needs the embedded broker, and a command that makes a replica"))
	}
	for _, one := range []struct {
		name string
		Range
	}{{"fetchers", s.Fetchers}, {"crunchers", c.crunchers()}} {
		if one.Least < 1 || one.Most < 1 {
			errs = append(errs, fmt.Errorf("autoscaling: from %d to %d %s: at least one is there always, in this process", one.Least, one.Most, one.name))
			continue
		}
		if err := s.policy(one.Range).Validate(); err != nil {
			errs = append(errs, fmt.Errorf("autoscaling %s: %w", one.name, err))
		}
	}
	return errors.Join(errs...)
}

// lookInterval is how often the autoscaler looks at what there is to do.
const lookInterval = 2 * time.Second

// autoscaler is a component of the process.
type autoscaler struct {
	client *client.Client
	log    *slog.Logger
	stages []*scaled
}

// scaled is a service whose number follows what there is to do.
type scaled struct {
	stage   events.Stage
	service Service
	planner *scaling.Planner
	arrival scaling.Rate
	pool    *replicas.Pool
	wanted  prometheus.Gauge
}

func (a *App) addAutoscaler(ctx context.Context) error {
	s := a.cfg.Autoscale
	if s == nil {
		return nil
	}
	nc, err := a.connect(ctx, "autoscale")
	if err != nil {
		return err
	}
	a.onClose(func() error { nc.Close(); return nil })
	auto := &autoscaler{log: a.log.With("component", "autoscale")}
	if auto.client, err = client.New(nc); err != nil {
		return err
	}
	fetchers, crunchers := s.Fetchers, a.cfg.crunchers()
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "fetchmill_autoscale_replicas", Help: "Instances that there are to be on this machine, that in this process included.",
	}, []string{"service"})
	if err := a.metrics.Register(gauge); err != nil {
		return err
	}
	for _, one := range []struct {
		stage   events.Stage
		service Service
		Range
	}{{events.StageFetch, Fetcher, fetchers}, {events.StageCrunch, Cruncher, crunchers}} {
		input, err := json.Marshal(a.replicaConfig(one.service, crunchers.Most))
		if err != nil {
			return fmt.Errorf("autoscaling: %w", err)
		}
		g := gauge.WithLabelValues(string(one.service))
		g.Set(1)
		auto.stages = append(auto.stages, &scaled{
			stage: one.stage, service: one.service, planner: scaling.NewPlanner(s.policy(one.Range)), wanted: g,
			pool: replicas.New(string(one.service), limited(s.Command, fetchers.Most+crunchers.Most), input, auto.log),
		})
	}
	a.describe("autoscale", "%d to %d fetchers and %d to %d crunchers, so that what waits is worked off within %s",
		fetchers.Least, fetchers.Most, crunchers.Least, crunchers.Most, s.Within)
	a.group.Add(host.Component{Name: "autoscale", Run: auto.run})
	return nil
}

// replicaConfig is the configuration of another instance of a service. What this process has bounded for itself is divided.
func (a *App) replicaConfig(service Service, crunchers int) Config {
	c := a.cfg
	c.Services, c.Broker, c.Autoscale = []Service{service}, nil, nil
	c.NATS, c.As, c.HTTPAddr = a.broker.URL(), host.Identity{}, net.JoinHostPort("127.0.0.1", strconv.Itoa(0))
	c.Closed = append(c.Closed[:len(c.Closed):len(c.Closed)], a.http.Addr().String())
	if c.WASM.Dir == "" {
		c.WASM.Dir = filepath.Join(c.Dir, "wasm")
	}
	c.Memory = crunchMemory(c, crunchers)
	return c
}

// crunchMemory is what the items of each of so many crunchers may take.
func crunchMemory(c Config, crunchers int) int64 {
	all := c.Memory
	if all == 0 {
		all = quota.Memory() / 2
	}
	return max(all/int64(max(crunchers, 1)), 1)
}

// limited gives each process its part of the memory, as its garbage collector and its own bounds see it.
func limited(command func() *exec.Cmd, parts int) func() *exec.Cmd {
	part := quota.Memory() / int64(parts)
	return func() *exec.Cmd {
		cmd := command()
		cmd.Env = append(cmd.Environ(), "GOMEMLIMIT="+strconv.FormatInt(part, 10))
		return cmd
	}
}

// run follows what there is to do until intake ends, and then ends the processes.
func (s *autoscaler) run(intake, work context.Context) error {
	defer func() {
		for _, one := range s.stages {
			_ = one.pool.Set(0) // all drain at the same time
		}
		for _, one := range s.stages {
			one.pool.Stop(work)
		}
	}()
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		select {
		case <-intake.Done():
			return nil
		case <-tick.C:
		}
		s.look(intake)
	}
}

// look looks once and starts or stops what has to be. What goes wrong is tried again at the next look.
func (s *autoscaler) look(ctx context.Context) {
	status, err := s.client.Status(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("cannot see how much there is to do; the number of instances stays", "error", err)
		}
		return
	}
	now := time.Now()
	for _, one := range s.stages {
		for _, seen := range status.Scaling {
			if seen.Stage == one.stage {
				one.follow(now, seen, status.Streams, s.log)
			}
		}
	}
}

func (o *scaled) follow(now time.Time, seen client.StageScaling, streams []client.StreamStatus, log *slog.Logger) {
	for _, s := range streams {
		if s.Name == seen.Stream {
			o.arrival.Add(now, s.LastSeq)
		}
	}
	have := 1 + o.pool.Running()
	d := scaling.Demand{
		Pending: seen.Pending, InProgress: seen.InProgress, Arrival: scaling.Arrival(o.arrival.PerSecond(), seen.Rate, seen.Pending),
		Capacity: seen.Capacity, Busy: seen.Busy, Places: seen.Places, Replicas: have,
	}
	n := o.planner.Next(now, d)
	o.wanted.Set(float64(n))
	if n == have {
		return
	}
	log.Info("the number of instances changes", "service", string(o.service), "instances", n, "was", have,
		"lag", d.Lag(), "arrival_per_second", d.Arrival, "capacity_per_second", d.Capacity)
	if err := o.pool.Set(n - 1); err != nil {
		log.Error("an instance could not be started; it is tried again", "error", err)
	}
}
