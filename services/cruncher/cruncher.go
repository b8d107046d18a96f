package cruncher

import (
	"context"
	"fmt"
	"runtime"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// DefaultConcurrency is how many items a cruncher has under way unless told otherwise: as many as the CPUs it may use. Go
// heeds the CPU quota of a container (runtime.GOMAXPROCS).
func DefaultConcurrency() int { return runtime.GOMAXPROCS(0) }

// Config says how a cruncher works.
type Config struct {
	Concurrency int          // items at the same time
	Limits      stage.Limits // where an item's plan sets none
}

// Service is a cruncher.
type Service struct{ worker *stage.Worker }

// New makes a cruncher that can do the given operations.
func New(env host.Env, cfg Config, set ops.Set) (*Service, error) {
	worker, err := stage.NewWorker(env, events.StageCrunch, stage.Fixed(cfg.Concurrency), cfg.Limits, set)
	if err != nil {
		return nil, fmt.Errorf("cruncher: %w", err)
	}
	return &Service{worker: worker}, nil
}

// Ready tells whether items are taken. It is a host.Check.
func (s *Service) Ready(ctx context.Context) error { return s.worker.Ready(ctx) }

// Run works until intake ends, and then until what is under way has ended, or work ends.
func (s *Service) Run(intake, work context.Context) error { return s.worker.Run(intake, work) }
