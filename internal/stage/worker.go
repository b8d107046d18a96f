package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/nats-io/nats.go/micro"

	"github.com/fetchmill/fetchmill/internal/bodies"
	"github.com/fetchmill/fetchmill/internal/budget"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/natsjs"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/internal/web"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// laneWeights are the shares that the lanes have of a busy worker's places.
var laneWeights = map[events.Lane]int{events.LaneHigh: 8, events.LaneNormal: 4, events.LaneLow: 1}

// LaneShares tells, for people, which share of a busy worker's places each lane has.
func LaneShares() string {
	var shares []string
	for _, lane := range events.Lanes() {
		shares = append(shares, fmt.Sprintf("%s %d", lane, laneWeights[lane]))
	}
	return "lanes " + strings.Join(shares, ", ")
}

// Worker does the steps of items of one stage, taken from all lanes of its stream.
type Worker struct {
	env           host.Env
	runner        *Runner
	cancellations *Cancellations
	trials        *trials
	stream        string
	about         map[string]string
	hosts         func() []events.HostStatus
}

// NewWorker makes a worker for fetch or crunch steps that can do the given operations on as many items at the same time as concurrency says.
func NewWorker(env host.Env, stage events.Stage, concurrency Concurrency, limits Limits, set ops.Set) (*Worker, error) {
	kept, err := bodies.New(env.Conn)
	if err != nil {
		return nil, err
	}
	steps := &Steps{
		Stage: stage, Ops: set, Cancellations: NewCancellations(), Log: env.Log, Limits: limits, Stored: kept.Get,
		trials: &trials{stage: stage, log: env.Log}, short: concurrency.short,
	}
	if limits.Memory > 0 {
		steps.memory = budget.New(limits.Memory)
		if err := registerMemory(env.Metrics, stage, steps.memory); err != nil {
			return nil, err
		}
	}
	stream := map[events.Stage]string{
		events.StageFetch:  topology.StreamFetch,
		events.StageCrunch: topology.StreamCrunch,
	}[stage]
	var sources []natsjs.Source
	for _, lane := range events.Lanes() {
		sources = append(sources, natsjs.Source{
			Stream: stream, Consumer: topology.LaneConsumer(lane), Weight: laneWeights[lane],
		})
	}
	runner, err := New(env, Config{Stage: stage, Sources: sources, Concurrency: concurrency.first, governor: concurrency.governor, cpus: concurrency.cpus, cpuShare: concurrency.share}, steps.Handle)
	if err != nil {
		return nil, err
	}
	return &Worker{env: env, runner: runner, cancellations: steps.Cancellations, trials: steps.trials, stream: stream, about: map[string]string{
		"concurrency": concurrency.String(), "ops": strings.Join(set.Names(), ","),
	}}, nil
}

// ShowHosts adds to the worker's load the hosts that it does not simply ask. It is called before Run.
func (w *Worker) ShowHosts(hosts func() []events.HostStatus) { w.hosts = hosts }

// Ready tells whether the worker has begun to take items. It is a host.Check.
func (w *Worker) Ready(ctx context.Context) error { return w.runner.Ready(ctx) }

// Run works until intake ends, and then until what is under way has ended, or work ends.
func (w *Worker) Run(intake, work context.Context) error {
	watching, stop := context.WithCancel(context.WithoutCancel(intake))
	giveUp := context.AfterFunc(intake, stop)
	wait, err := reach(watching, w.env.Log, "bucket "+topology.BucketControl, func() (func(), error) {
		if err := w.trials.open(watching, w.env.Conn, w.stream); err != nil {
			return nil, err
		}
		return w.cancellations.Watch(watching, w.env.Conn)
	})
	if !giveUp() { // asked to stop before it started
		err = nil
	}
	if err != nil || intake.Err() != nil {
		stop()
		if wait != nil {
			wait()
		}
		return err
	}
	defer wait()
	defer stop()
	service, err := host.Announce(w.env.Conn, w.name(), "does the "+string(w.runner.cfg.Stage)+" steps of items", w.about, func() any { return w.busy() })
	if err != nil {
		return err
	}
	if err := service.AddEndpoint("load", host.Answer(w.env.Conn, w.env.Log, w.load), micro.WithEndpointSubject(events.LoadSubject(w.runner.cfg.Stage))); err != nil {
		return errors.Join(fmt.Errorf("announce service %s: %w", w.name(), err), service.Stop())
	}
	err = w.runner.Run(intake, work)
	if stopErr := service.Stop(); err == nil && !w.env.Conn.IsClosed() {
		err = stopErr
	}
	return err
}

// load answers a request for the worker's load, of several workers one. The statistics of NATS micro have that of all of them, and
// they have it only for services with an endpoint.
func (w *Worker) load(micro.Request) ([]byte, *events.Problem) {
	data, err := json.Marshal(w.busy())
	if err != nil {
		return nil, web.NewProblem(http.StatusInternalServerError, events.ReasonInternal, err.Error())
	}
	return data, nil
}

func (w *Worker) busy() events.Load {
	l := w.runner.Load()
	if w.hosts != nil {
		l.Hosts = w.hosts()
	}
	return l
}

// name is what the service is called.
func (w *Worker) name() string {
	if w.runner.cfg.Stage == events.StageFetch {
		return "fetcher"
	}
	return "cruncher"
}
