// Package app puts services together in one process: all of them with a broker and a database of their own, which is what
// `fetchmill up` is, or one of them with a broker elsewhere.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fetchmill/fetchmill/internal/broker"
	"github.com/fetchmill/fetchmill/internal/filelock"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/topology"
)

// App is a process that is set up and ready to run.
type App struct {
	cfg       Config
	log       *slog.Logger
	metrics   *prometheus.Registry
	health    *host.Health
	broker    *broker.Broker // nil if it is elsewhere
	brokerURL string
	http      net.Listener
	group     host.Group
	banner    []Line
	closers   []func() error // called last in, first out
}

// Line is a line of the banner that a process shows when it starts.
type Line struct{ Name, Text string }

// New sets everything up: data folder, broker, streams, database, services. Close it if it is not run.
func New(ctx context.Context, cfg Config, log *slog.Logger) (*App, error) {
	a := &App{cfg: cfg, log: log, metrics: host.NewMetrics(), health: new(host.Health)}
	if err := a.setUp(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) setUp(ctx context.Context) error {
	if err := a.cfg.validate(); err != nil {
		return err
	}
	if a.cfg.Broker != nil {
		if err := a.openDir(); err != nil {
			return err
		}
		if err := a.startBroker(ctx); err != nil {
			return err
		}
	}
	listener, err := host.Listen(ctx, a.cfg.HTTPAddr, "--http-addr")
	if err != nil {
		return err
	}
	a.http = listener
	a.onClose(func() error {
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return a.addServices(ctx)
}

// openDir makes the data folder this process's own.
func (a *App) openDir() error {
	if err := os.MkdirAll(a.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("data folder: %w; name one that can be written with --data DIR", err)
	}
	lock, err := filelock.Acquire(filepath.Join(a.cfg.Dir, "lock"))
	if err != nil {
		return fmt.Errorf("data folder %s: %w (--data DIR)", a.cfg.Dir, err)
	}
	a.onClose(lock.Close)
	return nil
}

func (a *App) startBroker(ctx context.Context) error {
	var err error
	a.broker, err = broker.Start(broker.Config{
		Addr: a.cfg.Broker.Addr, Dir: filepath.Join(a.cfg.Dir, "broker"), Sync: a.cfg.Broker.Sync,
	}, a.log)
	if err != nil {
		return err
	}
	a.onClose(func() error { a.broker.Stop(); return nil })
	nc, err := a.connect(ctx, "setup")
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(patience)) // for each answer: the broker may have much to find on a slow disk
	if err != nil {
		return err
	}
	_, err = topology.Provision(ctx, js, topology.For(a.cfg.Broker.Topology))
	return err
}

// patience is how long a service waits for a broker that is not there yet.
const patience = time.Minute

func (a *App) connect(ctx context.Context, name string) (*nats.Conn, error) {
	cfg := host.ConnectConfig{
		URL: a.cfg.NATS, Name: "fetchmill " + name, As: a.cfg.As, Inbox: topology.InboxPrefix(topology.Role(name), ""), Wait: patience, Log: a.log,
	}
	if a.broker != nil {
		cfg.URL, cfg.As = a.broker.URL(), host.Identity{}
	}
	return host.Connect(ctx, cfg)
}

// NATSURL is where clients find the broker.
func (a *App) NATSURL() string { return a.brokerURL }

// HTTPURL is where clients find the HTTP API.
func (a *App) HTTPURL() string { return "http://" + a.http.Addr().String() }

// Banner tells how the process is set up.
func (a *App) Banner() []Line {
	return append([]Line{{"broker", a.NATSURL()}, {"http", a.HTTPURL()}}, a.banner...)
}

func (a *App) describe(name, format string, args ...any) {
	a.banner = append(a.banner, Line{name, fmt.Sprintf(format, args...)})
}

// Run works until intake ends, and then until everything is drained, or work ends. It closes the app.
func (a *App) Run(intake, work context.Context) error {
	return errors.Join(a.group.Run(intake, work), a.Close())
}

func (a *App) onClose(f func() error) { a.closers = append(a.closers, f) }

// Close frees what New has taken. A second call does nothing.
func (a *App) Close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i]())
	}
	a.closers = nil
	return errors.Join(errs...)
}
