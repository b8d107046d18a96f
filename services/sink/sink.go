package sink

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/natsjs"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
)

const (
	// maxTransaction is how many results go into one transaction at most.
	maxTransaction = 1000
	// handlers is how many transactions are on their way at the same time: while one is being written, the announcements of
	// the one before it are confirmed.
	handlers = 2
)

// Config says how a sink works.
type Config struct {
	BatchIdle time.Duration // an unfinished batch expires when nothing has come for so long; 0 means DefaultBatchIdle
}

// Service is the sink.
type Service struct {
	env       host.Env
	publisher *natsjs.Publisher
	outbox    *Outbox
	expiry    *Expiry
	query     *Query
	runner    *stage.Runner
}

// New makes a sink on an open database, which stays the caller's.
func New(env host.Env, cfg Config, db *store.DB) (*Service, error) {
	publisher, err := natsjs.NewPublisher(env.Conn)
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	s := &Service{
		env: env, publisher: publisher,
		expiry: NewExpiry(db, cfg.BatchIdle, env.Log),
		query:  NewQuery(db, env.Log),
	}
	s.outbox = NewOutbox(db, func(ctx context.Context, out []stage.Outgoing) error {
		_, err := stage.Send(ctx, publisher, out)
		return err
	}, env.Log)
	s.runner, err = stage.NewTogether(env, stage.Config{
		Stage: events.StageSink, Concurrency: handlers,
		Sources: []natsjs.Source{{Stream: topology.StreamResults, Consumer: topology.ConsumerSink, Weight: 1}},
	}, maxTransaction, NewHandler(db, s.reply, env.Log).Handle)
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	return s, nil
}

// Register adds the HTTP API for queries.
func (s *Service) Register(mux *http.ServeMux) { s.query.Register(mux) }

// Ready tells whether work is taken and requests are answered. It is a host.Check.
func (s *Service) Ready(ctx context.Context) error { return s.runner.Ready(ctx) }

// Run works until intake ends, and then until what is under way is committed, or work ends.
func (s *Service) Run(intake, work context.Context) error {
	background, stop := context.WithCancel(context.WithoutCancel(intake))
	var loops sync.WaitGroup
	loops.Go(func() { s.outbox.Run(background) })
	loops.Go(func() { s.expiry.Run(background) })
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
	err = service.AddEndpoint("query", host.Answer(s.env.Log, answer), micro.WithEndpointSubject(events.PrefixQuery+"*"))
	if err != nil {
		return nil, fmt.Errorf("answer queries: %w", err)
	}
	return service, nil
}

// reply sends a result to whoever waits for it.
func (s *Service) reply(subject string, data []byte) {
	if err := s.env.Conn.Publish(subject, data); err != nil {
		s.env.Log.Debug("a result could not be sent to whoever waits for it", logSubject, subject, logError, err)
	}
}
