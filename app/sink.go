package app

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/netguard"
	"github.com/fetchmill/fetchmill/internal/recipe"
	"github.com/fetchmill/fetchmill/internal/secret"
	"github.com/fetchmill/fetchmill/internal/store"
	"github.com/fetchmill/fetchmill/services/sink"
	"github.com/fetchmill/fetchmill/services/sink/notices/channels"
	"github.com/fetchmill/fetchmill/services/sink/notices/outlet"
)

func (a *App) newSink(ctx context.Context, env host.Env, mux *http.ServeMux) (runner, error) {
	path := a.cfg.Database
	if path == "" {
		path = filepath.Join(a.cfg.Dir, "results.db")
	}
	people, err := a.channels(env)
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, path, store.Options{Now: a.cfg.Now})
	if err != nil {
		return nil, err
	}
	a.onClose(db.Close)
	recipes, err := a.recipes()
	if err != nil {
		return nil, err
	}
	service, err := sink.New(env, sink.Config{BatchIdle: a.cfg.BatchIdle, Retention: retention(a.cfg.Retention, recipes), Append: a.cfg.Append, Channels: people, Recipes: recipes, Now: a.cfg.Now}, db)
	if err != nil {
		return nil, err
	}
	a.onClose(service.Close)
	service.Register(mux)
	a.describe("sink", "database %s", db)
	if len(people.Names()) > 0 {
		a.describe("channels", "%s", people)
	}
	return service, nil
}

// retention adds what recipes say about their results. What the operator says about a recipe comes first, and what he says about all comes last.
func retention(cfg sink.RetentionConfig, recipes *recipe.Catalog) sink.RetentionConfig {
	all := map[string]store.Keep{}
	for _, r := range recipes.List() {
		if r.Retention != nil {
			all[r.Name] = store.Keep{Age: r.Retention.Age, Count: r.Retention.Rows}
		}
	}
	maps.Copy(all, cfg.Recipes)
	cfg.Recipes = all
	return cfg
}

// channels reads the operator's file of channels, and closes them with the app.
func (a *App) channels(env host.Env) (*channels.Catalogue, error) {
	allow, err := netguard.ParseAllow(a.cfg.AllowNet)
	if err != nil {
		return nil, fmt.Errorf("--allow-net: %w", err)
	}
	own, err := netguard.Servers(append(brokers(env.Conn), a.http.Addr().String())...)
	if err != nil {
		return nil, err
	}
	list, err := channels.Load(a.cfg.Channels, channels.Config{
		Secrets: secret.System(), Reach: outlet.Reach{Allow: allow, Own: own}, Helper: a.cfg.Shout,
	}, env.Log)
	if err != nil {
		return nil, err
	}
	a.onClose(list.Close)
	return list, nil
}
