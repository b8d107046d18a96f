// Package sandbox runs all services in this process, with a broker and a data folder of their own and free ports, for
// demonstrations and measurements.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// Sandbox is a running pipeline.
type Sandbox struct {
	Dir     string // the data folder, removed by Close unless kept
	NATSURL string
	HTTPURL string

	keep  bool
	log   *slog.Logger
	app   *app.App
	drain context.CancelFunc
	ended chan error
	conns []*nats.Conn
}

// Options say what differs from `fetchmill up`.
type Options struct {
	Configure func(*app.Config) // may change anything but folder and addresses; may be nil
	Keep      bool              // leave the data folder behind
	Log       *slog.Logger
}

// readyTimeout bounds the start: a busy machine is slow, but not that slow.
const readyTimeout = time.Minute

// Start starts everything and waits until requests are answered. Close must be called in the end.
func Start(ctx context.Context, o Options) (*Sandbox, error) {
	dir, err := os.MkdirTemp("", "fetchmill-")
	if err != nil {
		return nil, fmt.Errorf("make a temporary folder: %w; $TMPDIR chooses another place", err)
	}
	s := &Sandbox{Dir: dir, keep: o.Keep, log: o.Log}
	if err := s.start(ctx, o); err != nil {
		s.keep = false
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Sandbox) start(ctx context.Context, o Options) error {
	cfg := app.Default()
	if o.Configure != nil {
		o.Configure(&cfg)
	}
	cfg.Dir, cfg.HTTPAddr, cfg.Broker.Addr = s.Dir, "127.0.0.1:0", "127.0.0.1:0"
	a, err := app.New(ctx, cfg, o.Log)
	if err != nil {
		return err
	}
	s.app, s.NATSURL, s.HTTPURL = a, a.NATSURL(), a.HTTPURL()
	// The end of ctx must not stop it, or nothing could be asked any more: Close does.
	intake, drain := context.WithCancel(context.WithoutCancel(ctx))
	s.drain, s.ended = drain, make(chan error, 1)
	go func() { s.ended <- a.Run(intake, context.WithoutCancel(ctx)) }()
	return s.ready(ctx)
}

// ready waits until both ends of the pipeline answer.
func (s *Sandbox) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	c, err := s.Connect(ctx, "start")
	if err != nil {
		return err
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		_, err := c.Counts(ctx, events.CountQuery{})
		if err == nil {
			// A recipe that nobody has: ingest answers, and nothing is begun.
			_, err = c.Run(ctx, "sandbox-is-ready", client.Item{})
		}
		if _, answered := errors.AsType[*events.Problem](err); answered {
			return nil
		}
		select {
		case end := <-s.ended:
			s.ended <- end
			return errors.Join(errors.New("the services ended while starting"), end)
		case <-ctx.Done():
			return fmt.Errorf("the services did not start: %w", errors.Join(ctx.Err(), err))
		case <-again.C:
		}
	}
}

// Connect makes a client on a connection of its own, which Close ends.
func (s *Sandbox) Connect(ctx context.Context, name string) (*client.Client, error) {
	nc, err := host.Connect(ctx, host.ConnectConfig{URL: s.NATSURL, Name: "fetchmill " + name, Log: s.log})
	if err != nil {
		return nil, err
	}
	s.conns = append(s.conns, nc)
	return client.New(nc)
}

// Close ends the services when they have finished what is under way, and removes the data folder.
func (s *Sandbox) Close() error {
	for _, nc := range s.conns {
		nc.Close()
	}
	var errs []error
	if s.drain != nil {
		s.drain()
		errs = append(errs, <-s.ended)
	}
	if !s.keep {
		errs = append(errs, os.RemoveAll(s.Dir))
	}
	return errors.Join(errs...)
}
