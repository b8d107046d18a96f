package sink

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/natsjs"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/sink/notices"
	"github.com/fetchmill/fetchmill/services/sink/notices/channels"
)

const (
	// maxList is how many messages a handler gets together at most.
	maxList = 1000
	// handlers is how many such lists are on their way at the same time: being read, in a transaction or waiting for one, or being encoded to be
	// announced.
	handlers = 8
)

// Config says how a sink works.
type Config struct {
	BatchIdle time.Duration       // an unfinished batch expires when nothing has come for so long; 0 means DefaultBatchIdle
	Retention RetentionConfig     // which results are kept
	Channels  *channels.Catalogue // on which people are told; nil for none
	Append    string              // a folder in whose files results are written, too; "" for none
	Recipes   uptime.Recipes      // by which the parameters of targets are checked; nil leaves them unchecked
	Now       func() time.Time    // the clock; nil means time.Now
}

// Service is the sink.
type Service struct {
	env       host.Env
	publisher *natsjs.Publisher
	outbox    *Outbox
	expiry    *Expiry
	prune     *Prune
	windows   *Windows
	scheduler *Scheduler
	targets   *Targets
	retention *Retention
	files     *Append // nil if there are none
	query     *Query
	notices   *notices.Service
	runner    *stage.Runner
}

// New makes a sink on an open database, which stays the caller's.
func New(env host.Env, cfg Config, db *store.DB) (*Service, error) {
	publisher, err := natsjs.NewPublisher(env.Conn)
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Service{
		env: env, publisher: publisher,
		expiry: NewExpiry(db, cfg.BatchIdle, cfg.Now, env.Log), prune: NewPrune(db, cfg.Now, env.Log),
		query: NewQuery(db, env.Log), targets: NewTargets(db, cfg.Recipes, env.Log),
	}
	if s.retention, err = NewRetention(db, cfg.Retention, cfg.Now, env.Metrics, env.Log); err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	if s.windows, err = NewWindows(db, env.Conn.IsConnected, cfg.Now, env.Metrics, env.Log); err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	js, err := jetstream.New(env.Conn)
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	publish := func(ctx context.Context, out []stage.Outgoing) error {
		_, err := stage.Send(ctx, publisher, out)
		return err
	}
	s.outbox = NewOutbox(db, &bucketWholes{js: js}, publish, env.Log)
	if s.scheduler, err = NewScheduler(db, publish, cfg.Now, env.Log, env.Metrics); err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	if s.notices, err = notices.New(env, notices.Config{Channels: cfg.Channels}); err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	s.runner, err = stage.NewTogether(env, stage.Config{
		Stage: events.StageSink, Concurrency: handlers,
		Sources: []natsjs.Source{{Stream: topology.StreamResults, Consumer: topology.ConsumerSink, Weight: 1}},
	}, maxList, NewHandler(db, s.reply, env.Log).Handle)
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	if cfg.Append != "" {
		if s.files, err = NewAppend(db, cfg.Append, env.Log); err != nil {
			return nil, fmt.Errorf("sink: %w", err)
		}
	}
	return s, nil
}

// Register adds the HTTP API for queries.
func (s *Service) Register(mux *http.ServeMux) { s.query.Register(mux) }

// Close frees what New has opened, after Run.
func (s *Service) Close() error {
	if s.files == nil {
		return nil
	}
	return s.files.Close()
}

// Ready tells whether work is taken and requests are answered. It is a host.Check.
func (s *Service) Ready(ctx context.Context) error { return s.runner.Ready(ctx) }

// Run works until intake ends, and then until what is under way is committed, or work ends.
func (s *Service) Run(intake, work context.Context) error {
	background, stop := context.WithCancel(context.WithoutCancel(intake))
	var loops sync.WaitGroup
	loops.Go(func() { s.outbox.Run(background) })
	loops.Go(func() { s.expiry.Run(background) })
	loops.Go(func() { s.prune.Run(background) })
	loops.Go(func() { s.scheduler.Run(intake) }) // who takes nothing in any more orders nothing either
	loops.Go(func() { s.retention.Run(background) })
	loops.Go(func() { s.windows.Run(intake) }) // what still comes in may belong to them
	loops.Go(func() { s.notices.Run(intake, work) })
	if s.files != nil {
		loops.Go(func() { s.files.Run(background) })
	}
	defer loops.Wait()
	defer stop()

	queries, err := s.serve(work)
	if err != nil {
		return err
	}
	err = s.runner.Run(intake, work)
	if stopErr := queries.Stop(); err == nil && stopErr != nil && !s.env.Conn.IsClosed() {
		err = fmt.Errorf("sink: stop answering queries: %w", stopErr)
	}
	if closeErr := s.publisher.Close(); err == nil {
		err = closeErr
	}
	return err
}

// serve answers queries over NATS.
func (s *Service) serve(ctx context.Context) (micro.Service, error) {
	service, err := host.Announce(s.env.Conn, "sink", "stores results and answers queries", nil, func() any { return s.runner.Load() })
	if err != nil {
		return nil, err
	}
	answer := func(req micro.Request) ([]byte, *events.Problem) {
		return s.query.Answer(ctx, req.Subject(), req.Data())
	}
	err = service.AddEndpoint("query", host.Answer(s.env.Conn, s.env.Log, answer), micro.WithEndpointSubject(events.PrefixQuery+"*"))
	if err != nil {
		return nil, fmt.Errorf("answer queries: %w", err)
	}
	change := func(req micro.Request) ([]byte, *events.Problem) {
		return s.targets.Answer(ctx, req.Subject(), headerOf(req), req.Data())
	}
	err = service.AddEndpoint("uptime", host.Answer(s.env.Conn, s.env.Log, change), micro.WithEndpointSubject(events.PrefixUptime+"*"))
	if err != nil {
		return nil, fmt.Errorf("answer requests to change targets: %w", err)
	}
	if err := s.notices.Answer(ctx, service); err != nil {
		return nil, err
	}
	return service, nil
}

// headerOf finds headers without regard to case.
func headerOf(req micro.Request) func(string) string {
	header := map[string]string{}
	for name, values := range req.Headers() {
		if len(values) > 0 {
			header[strings.ToLower(name)] = values[0]
		}
	}
	return func(name string) string { return header[name] }
}

// reply sends a result to whoever waits for it.
func (s *Service) reply(subject string, data []byte) {
	if err := s.env.Conn.Publish(subject, data); err != nil {
		s.env.Log.Debug("a result could not be sent to whoever waits for it", logSubject, subject, logError, err)
	}
}
