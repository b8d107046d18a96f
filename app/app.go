// Package app runs all services in one process, with a broker and a database of its own: what `fetchmill up` is.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/fetchmill/fetchmill/internal/broker"
	"github.com/fetchmill/fetchmill/internal/filelock"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/netguard"
	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/services/cruncher"
	"github.com/fetchmill/fetchmill/services/fetcher"
	"github.com/fetchmill/fetchmill/services/ingest"
	"github.com/fetchmill/fetchmill/services/sink"
)

// Config says how the process is set up.
type Config struct {
	Dir        string // everything that is kept is here
	NATSAddr   string // HOST:PORT of the broker; port 0 picks a free one
	HTTPAddr   string // HOST:PORT of the HTTP API; port 0 picks a free one
	AllowNet   []string
	Fetchers   int // items that are fetched at the same time
	Crunchers  int // items that are computed at the same time
	Drain      time.Duration
	SyncAlways bool
	Topology   topology.Config
	Limits     stage.Limits
}

// App is a process that is set up and ready to run.
type App struct {
	cfg     Config
	log     *slog.Logger
	broker  *broker.Broker
	db      *store.DB
	http    net.Listener
	group   host.Group
	closers []func() error // called last in, first out
}

// New sets everything up: data folder, broker, streams, database, services. Close it if it is not run.
func New(ctx context.Context, cfg Config, log *slog.Logger) (*App, error) {
	a := &App{cfg: cfg, log: log}
	if err := a.setUp(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) setUp(ctx context.Context) error {
	if err := a.cfg.Topology.Validate(); err != nil {
		return err
	}
	if err := a.openDir(); err != nil {
		return err
	}
	listener, err := host.Listen(ctx, a.cfg.HTTPAddr, "--http-addr")
	if err != nil {
		return err
	}
	a.http = listener
	a.onClose(func() error { return ignoreClosed(listener.Close()) })
	if err := a.startBroker(ctx); err != nil {
		return err
	}
	if a.db, err = store.Open(ctx, filepath.Join(a.cfg.Dir, "results.db"), store.Options{}); err != nil {
		return err
	}
	a.onClose(a.db.Close)
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
		Addr: a.cfg.NATSAddr, Dir: filepath.Join(a.cfg.Dir, "broker"), SyncAlways: a.cfg.SyncAlways,
	}, a.log)
	if err != nil {
		return err
	}
	a.onClose(func() error { a.broker.Stop(); return nil })
	nc, err := host.Connect(ctx, host.ConnectConfig{URL: a.broker.URL(), Name: "fetchmill setup"})
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	_, err = topology.Provision(ctx, js, topology.For(a.cfg.Topology))
	return err
}

// addServices puts the services into the group in the order in which they start. They stop the other way round, so that what
// a stage still publishes is taken by the next one.
func (a *App) addServices(ctx context.Context) error {
	metrics, health := host.NewMetrics(), new(host.Health)
	a.group = host.Group{Drain: a.cfg.Drain, Log: a.log, OnDrain: health.Drain}

	env, err := a.env(ctx, "sink", metrics, health)
	if err != nil {
		return err
	}
	results, err := sink.New(env, sink.Config{Concurrency: sink.DefaultConcurrency}, a.db)
	if err != nil {
		return err
	}
	if env, err = a.env(ctx, "cruncher", metrics, health); err != nil {
		return err
	}
	crunch, err := cruncher.New(env, cruncher.Config{Concurrency: a.cfg.Crunchers, Limits: a.cfg.Limits}, cruncher.Builtin())
	if err != nil {
		return err
	}
	if env, err = a.env(ctx, "fetcher", metrics, health); err != nil {
		return err
	}
	fetch, err := a.newFetcher(env)
	if err != nil {
		return err
	}
	if env, err = a.env(ctx, "ingest", metrics, health); err != nil {
		return err
	}
	recipes, err := recipe.Builtins()
	if err != nil {
		return err
	}
	intake, err := ingest.New(env, ingest.Config{Concurrency: ingest.DefaultConcurrency}, recipes)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	health.Register(mux, metrics)
	results.Register(mux)
	mux.Handle("/v1/work/", intake.Handler())
	mux.Handle("POST /v1/batches/", intake.Handler())

	for _, c := range []host.Component{
		{Name: "sink", Run: results.Run},
		{Name: "cruncher", Run: crunch.Run},
		{Name: "fetcher", Run: fetch.Run},
		{Name: "ingest", Run: intake.Run},
		{Name: "http", Run: func(intake, work context.Context) error { return host.Serve(intake, work, a.http, mux) }},
	} {
		a.group.Add(c)
	}
	return nil
}

func (a *App) newFetcher(env host.Env) (*fetcher.Service, error) {
	allow, err := netguard.ParseAllow(a.cfg.AllowNet)
	if err != nil {
		return nil, fmt.Errorf("--allow-net: %w", err)
	}
	own, err := netguard.Servers(env.Conn.ConnectedAddr(), a.http.Addr().String())
	if err != nil {
		return nil, err
	}
	guard, err := netguard.New(allow, own)
	if err != nil {
		return nil, err
	}
	network, err := fetcher.NewNetwork(fetcher.NetConfig{Guard: guard, Concurrency: a.cfg.Fetchers})
	if err != nil {
		return nil, err
	}
	a.onClose(func() error { network.Close(); return nil })
	return fetcher.New(env, fetcher.Config{Concurrency: a.cfg.Fetchers, Limits: a.cfg.Limits}, network.Ops())
}

// env gives each service a connection of its own, as if it ran in a process of its own.
func (a *App) env(ctx context.Context, name string, metrics prometheus.Registerer, health *host.Health) (host.Env, error) {
	nc, err := host.Connect(ctx, host.ConnectConfig{URL: a.broker.URL(), Name: "fetchmill " + name, Log: a.log})
	if err != nil {
		return host.Env{}, err
	}
	a.onClose(func() error { nc.Close(); return nil })
	health.Add(name, host.Connected(nc))
	return host.Env{Conn: nc, Log: a.log.With("service", name), Metrics: metrics, Tracer: noop.NewTracerProvider()}, nil
}

// NATSURL is where clients find the broker.
func (a *App) NATSURL() string { return a.broker.URL() }

// HTTPURL is where clients find the HTTP API.
func (a *App) HTTPURL() string { return "http://" + a.http.Addr().String() }

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

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
