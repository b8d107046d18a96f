package fetcher

import (
	"context"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/governor"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Config says how a fetcher works.
type Config struct {
	Concurrency int          // items at the same time; 0 finds out by itself how many are right
	Limits      stage.Limits // where an item's plan sets none
	// Hosts lists the hosts that are not simply asked, for whoever asks how busy the fetcher is; nil for none.
	Hosts func() []events.HostStatus
}

// Service is a fetcher.
type Service struct{ worker *stage.Worker }

// New makes a fetcher that can do the given operations.
func New(env host.Env, cfg Config, set ops.Set) (*Service, error) {
	concurrency, err := concurrencyOf(cfg)
	if err != nil {
		return nil, fmt.Errorf("fetcher: %w", err)
	}
	worker, err := stage.NewWorker(env, events.StageFetch, concurrency, cfg.Limits, set)
	if err != nil {
		return nil, fmt.Errorf("fetcher: %w", err)
	}
	worker.ShowHosts(cfg.Hosts)
	return &Service{worker: worker}, nil
}

func concurrencyOf(cfg Config) (stage.Concurrency, error) {
	if cfg.Concurrency != 0 {
		return stage.Fixed(cfg.Concurrency), nil
	}
	g, err := governor.New(governor.Config{})
	if err != nil {
		return stage.Concurrency{}, err
	}
	return stage.Adaptive(g), nil
}

// MostConcurrency is how many items a fetcher with this configuration ever has at work at the same time: what its pool of connections has to
// be made for.
func MostConcurrency(cfg Config) (int, error) {
	if cfg.Concurrency != 0 {
		return cfg.Concurrency, nil
	}
	g, err := governor.New(governor.Config{})
	if err != nil {
		return 0, err
	}
	return g.Most(), nil
}

// Ready tells whether items are taken. It is a host.Check.
func (s *Service) Ready(ctx context.Context) error { return s.worker.Ready(ctx) }

// Run works until intake ends, and then until what is under way has ended, or work ends.
func (s *Service) Run(intake, work context.Context) error { return s.worker.Run(intake, work) }
