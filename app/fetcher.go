package app

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/fetchmill/fetchmill/internal/bodies"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/services/fetcher"
	"github.com/fetchmill/fetchmill/services/fetcher/credentials"
	"github.com/fetchmill/fetchmill/services/fetcher/politeness"
	"github.com/fetchmill/fetchmill/services/fetcher/useragent"
	"github.com/fetchmill/fetchmill/services/fetcher/validators"
)

func (a *App) newFetcher(_ context.Context, env host.Env, _ *http.ServeMux) (runner, error) {
	r, err := a.reach(env)
	if err != nil {
		return nil, err
	}
	sources, err := a.sources()
	if err != nil {
		return nil, err
	}
	secrets, err := credentials.Load(a.cfg.Credentials, env.Log)
	if err != nil {
		return nil, err
	}
	memory, err := validators.New(env.Conn, env.Log, env.Metrics)
	if err != nil {
		return nil, err
	}
	kept, err := bodies.New(env.Conn)
	if err != nil {
		return nil, err
	}
	cfg := fetcher.Config{Concurrency: a.cfg.Fetchers, Limits: a.cfg.Limits}
	most, err := fetcher.MostConcurrency(cfg)
	if err != nil {
		return nil, err
	}
	network, err := fetcher.NewNetwork(fetcher.NetConfig{
		Politeness: politeness.Config{
			Limits: fetcher.HostLimits(politeness.Limit{Concurrency: a.cfg.HostConcurrency, Rate: a.cfg.HostRate}, r.own), MaxPause: a.cfg.Limits.Backoff.Most,
			Bus: politeness.OnNATS(env.Conn), Log: env.Log, Metrics: env.Metrics,
		},
		HTTP:        useragent.Config{Guard: r.guard, Proxy: r.proxy, Concurrency: most, MaxRetryAfter: a.cfg.Limits.Backoff.Most, MaxBodyBytes: a.cfg.MaxBody},
		Credentials: secrets, Validators: memory, Files: sources.files, Queries: sources.queries, Bodies: kept,
		Broker: fetcher.BrokerConfig{Conn: env.Conn, Subjects: r.subjects, Buckets: r.buckets},
	})
	if err != nil {
		return nil, err
	}
	if err := network.Register(env.Metrics); err != nil {
		return nil, err
	}
	// Before the fetcher, so that it ends after it.
	a.group.Add(host.Component{Name: "politeness", Run: func(intake, _ context.Context) error { return network.Run(intake) }})
	a.onClose(func() error { network.Close(); return nil })
	cfg.Hosts = network.Politeness().Snapshot
	set := network.Ops()
	concurrency := atOnce(most)
	if a.cfg.Fetchers == 0 {
		concurrency = fmt.Sprintf("as many items at a time as do good, at most %d", most)
	}
	a.describe("fetcher", "%s; ops %s; %s; %s", concurrency, strings.Join(set.Names(), ", "), stage.LaneShares(), r)
	sources.describe(a)
	if names := secrets.Names(); len(names) > 0 {
		a.describe("credentials", "%s", strings.Join(names, ", "))
	}
	return fetcher.New(env, cfg, set)
}
