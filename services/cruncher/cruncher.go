package cruncher

import (
	"context"
	"fmt"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/quota"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Config says how a cruncher works.
type Config struct {
	Concurrency int          // items at the same time; 0 makes it of CPUShare
	CPUShare    float64      // of the processors that the process may use (quota.CPUs), up to 1; 0 is all of them
	Limits      stage.Limits // where an item's plan sets none; Memory of 0 is half of what the process may use
}

// Workers is how many items a cruncher with this configuration has under way: as many as the share of the processors has workers
// (quota.Workers), unless a number is given.
func (c Config) Workers() stage.Concurrency {
	switch {
	case c.Concurrency != 0:
		return stage.Fixed(c.Concurrency)
	case c.CPUShare == 0:
		c.CPUShare = 1
	}
	return stage.Share(quota.CPUs(), c.CPUShare)
}

// Memory is how many bytes all items of a cruncher with this configuration may take together. The other half is for garbage, of which Go
// lets there be as much as is in use, and for everything else.
func (c Config) Memory() int64 {
	if c.Limits.Memory != 0 {
		return c.Limits.Memory
	}
	return quota.Memory() / 2
}

// Service is a cruncher.
type Service struct{ worker *stage.Worker }

// New makes a cruncher that can do the given operations.
func New(env host.Env, cfg Config, set ops.Set) (*Service, error) {
	cfg.Limits.Memory = cfg.Memory()
	worker, err := stage.NewWorker(env, events.StageCrunch, cfg.Workers(), cfg.Limits, set)
	if err != nil {
		return nil, fmt.Errorf("cruncher: %w", err)
	}
	return &Service{worker: worker}, nil
}

// Ready tells whether items are taken. It is a host.Check.
func (s *Service) Ready(ctx context.Context) error { return s.worker.Ready(ctx) }

// Run works until intake ends, and then until what is under way has ended, or work ends.
func (s *Service) Run(intake, work context.Context) error { return s.worker.Run(intake, work) }
