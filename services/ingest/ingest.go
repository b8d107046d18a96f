package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/natsjs"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// DefaultConcurrency is how many messages ingest reads at the same time unless told otherwise.
const DefaultConcurrency = 16

// Config says how ingest works.
type Config struct {
	Concurrency int // messages at the same time
}

// Service is ingest.
type Service struct {
	env       host.Env
	intake    *Intake
	publisher *natsjs.Publisher
	runner    *stage.Runner
	js        jetstream.JetStream
}

// New makes an ingest that knows the given recipes.
func New(env host.Env, cfg Config, recipes Recipes) (*Service, error) {
	publisher, err := natsjs.NewPublisher(env.Conn)
	if err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	js, err := jetstream.New(env.Conn)
	if err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	s := &Service{env: env, publisher: publisher, js: js}
	s.intake = &Intake{Recipes: recipes, MaxMessage: int(env.Conn.MaxPayload()), Cancel: s.cancelBatch, Notify: s.notifyOf, reductions: newReductions()}
	s.runner, err = stage.New(env, stage.Config{
		Stage: events.StageIngest, Concurrency: cfg.Concurrency,
		Sources: []natsjs.Source{{Stream: topology.StreamWork, Consumer: topology.ConsumerIngest, Weight: 1}},
	}, s.intake.Work)
	if err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	return s, nil
}

// Handler is the HTTP API.
func (s *Service) Handler() http.Handler { return NewHandler(s.intake, publisher{s.publisher}) }

// Ready tells whether work is taken and requests are answered. It is a host.Check.
func (s *Service) Ready(ctx context.Context) error { return s.runner.Ready(ctx) }

// Run works until intake ends, and then until what is under way has ended, or work ends.
func (s *Service) Run(intake, work context.Context) error {
	requests, err := s.serve(work)
	if err != nil {
		return err
	}
	err = s.runner.Run(intake, work)
	if stopErr := requests.Stop(); err == nil && stopErr != nil && !s.env.Conn.IsClosed() {
		err = fmt.Errorf("ingest: stop answering requests: %w", stopErr)
	}
	if closeErr := s.publisher.Close(); err == nil {
		err = closeErr
	}
	return err
}

// serve answers requests over NATS.
func (s *Service) serve(ctx context.Context) (micro.Service, error) {
	service, err := host.Announce(s.env.Conn, "ingest", "takes work in and checks it", nil, func() any { return s.runner.Load() })
	if err != nil {
		return nil, err
	}
	run := func(req micro.Request) ([]byte, *events.Problem) {
		id, out, problem := s.intake.Run(request(req))
		if problem != nil {
			return nil, problem
		}
		duplicate, err := stage.Send(ctx, s.publisher, out)
		switch {
		case err != nil:
			return nil, ProblemOf(err)
		case duplicate[0]:
			return repeated(ctx, s.env.Conn, id)
		default:
			return nil, nil // the sink answers
		}
	}
	batch := func(req micro.Request) ([]byte, *events.Problem) {
		out, problem := s.intake.Batch(ctx, request(req))
		if problem != nil {
			return nil, problem
		}
		if _, err := stage.Send(ctx, s.publisher, []stage.Outgoing{out}); err != nil {
			return nil, ProblemOf(err)
		}
		return s.intake.opened(req.Subject(), req.Data()), nil
	}
	for _, e := range []struct {
		name, subject string
		answer        func(micro.Request) ([]byte, *events.Problem)
	}{
		{"run", events.RunSubject("*"), run},
		{"batch", events.PrefixBatch + "*", batch},
	} {
		err := service.AddEndpoint(e.name, host.Answer(s.env.Conn, s.env.Log, e.answer), micro.WithEndpointSubject(e.subject))
		if err != nil {
			return nil, fmt.Errorf("answer requests on %s: %w", e.subject, err)
		}
	}
	return service, nil
}

func request(req micro.Request) Request {
	return Request{Subject: req.Subject(), Header: req.Headers(), Data: req.Data(), Reply: req.Reply()}
}

// cancelBatch tells the stages that the items of a batch are not to be done any more.
func (s *Service) cancelBatch(ctx context.Context, batch string) error {
	kv, err := s.js.KeyValue(ctx, topology.BucketControl)
	if err != nil {
		return fmt.Errorf("cancel batch %s: %w", batch, err)
	}
	if _, err := kv.Put(ctx, topology.CancelKey(batch), nil); err != nil {
		return fmt.Errorf("cancel batch %s: %w", batch, err)
	}
	return nil
}

// notifyOf leaves word for the sink, which reads it when the batch has ended.
func (s *Service) notifyOf(ctx context.Context, batch string, channels []string) error {
	list, err := json.Marshal(channels)
	if err != nil {
		return fmt.Errorf("notify of batch %s: %w", batch, err)
	}
	kv, err := s.js.KeyValue(ctx, topology.BucketControl)
	if err != nil {
		return fmt.Errorf("notify of batch %s: %w", batch, err)
	}
	if _, err := kv.Put(ctx, topology.NotifyKey(batch), list); err != nil {
		return fmt.Errorf("notify of batch %s: %w", batch, err)
	}
	return nil
}

// publisher is the broker as the HTTP API sees it.
type publisher struct{ *natsjs.Publisher }

func (p publisher) Publish(ctx context.Context, out []stage.Outgoing) ([]bool, error) {
	duplicate, err := stage.Send(ctx, p.Publisher, out)
	if err != nil {
		return nil, err // which of them the broker has is not known; sending them again does no harm
	}
	return duplicate, nil
}
