package app

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/trace/noop"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/services/cruncher"
	"github.com/fetchmill/fetchmill/services/ingest"
)

// addServices makes the services and what serves HTTP for them.
func (a *App) addServices(ctx context.Context) error {
	a.group = host.Group{Drain: a.cfg.Drain, Log: a.log, OnDrain: a.health.Drain}
	mux, api := http.NewServeMux(), http.NewServeMux()
	a.health.Register(mux, a.metrics)
	if a.broker != nil { // first, so that it outlives the services
		a.health.Add("broker", a.broker.Check)
		a.group.Add(host.Component{Name: "broker", Run: func(intake, _ context.Context) error { a.broker.Tend(intake); return nil }})
	}
	makers := map[Service]func(context.Context, host.Env, *http.ServeMux) (runner, error){
		Sink: a.newSink, Cruncher: a.newCruncher, Fetcher: a.newFetcher, Ingest: a.newIngest,
	}
	for _, name := range a.cfg.Services {
		env, err := a.env(ctx, string(name))
		if err != nil {
			return err
		}
		service, err := makers[name](ctx, env, api)
		if err != nil {
			return err
		}
		a.health.Add(string(name), service.Ready)
		a.group.Add(host.Component{Name: string(name), Run: service.Run})
	}
	if a.cfg.has(Ingest) || a.cfg.has(Sink) {
		guarded, err := a.cfg.Access.Guard(a.http.Addr(), a.log, api)
		if err != nil {
			return err
		}
		mux.Handle("/", guarded)
	}
	if err := a.addAutoscaler(ctx); err != nil {
		return err
	}
	a.group.Add(host.Component{Name: "http", Run: func(intake, work context.Context) error {
		return host.Serve(intake, work, a.http, mux)
	}})
	return nil
}

// runner is a service.
type runner interface {
	Run(intake, work context.Context) error
	Ready(ctx context.Context) error
}

// env gives each service a connection of its own, as if it ran in a process of its own.
func (a *App) env(ctx context.Context, name string) (host.Env, error) {
	nc, err := a.connect(ctx, name)
	if err != nil {
		return host.Env{}, err
	}
	a.onClose(func() error { nc.Close(); return nil })
	a.health.Add(name+" connection", host.Connected(nc))
	a.brokerURL = nc.ConnectedUrlRedacted()
	return host.Env{Conn: nc, Log: a.log.With("service", name), Metrics: a.metrics, Tracer: noop.NewTracerProvider()}, nil
}

// recipes are those that there are. The operations are elsewhere, but what they can say about arguments is of use where items and targets come in.
func (a *App) recipes() (*recipe.Catalog, error) {
	return recipe.Checks{Crunch: cruncher.Builtin().Checks()}.With(a.cfg.Recipes...)
}

func (a *App) newIngest(_ context.Context, env host.Env, mux *http.ServeMux) (runner, error) {
	recipes, err := a.recipes()
	if err != nil {
		return nil, err
	}
	service, err := ingest.New(env, ingest.Config{Concurrency: ingest.DefaultConcurrency}, recipes)
	if err != nil {
		return nil, err
	}
	handler := service.Handler()
	mux.Handle("/v1/work/", handler)
	mux.Handle("POST /v1/batches/", handler)
	names := make([]string, 0, len(recipes.List()))
	for _, r := range recipes.List() {
		names = append(names, r.Name)
	}
	a.describe("ingest", "recipes %s", strings.Join(names, ", "))
	return service, nil
}

func atOnce(n int) string {
	if n == 1 {
		return "one item at a time"
	}
	return strconv.Itoa(n) + " items at a time"
}
