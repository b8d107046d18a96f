package app

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/modules"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/services/cruncher"
	"github.com/fetchmill/fetchmill/services/cruncher/programs"
)

func (a *App) newCruncher(_ context.Context, env host.Env, _ *http.ServeMux) (runner, error) {
	js, err := jetstream.New(env.Conn)
	if err != nil {
		return nil, err
	}
	tools := cruncher.ToolConfig{Concurrency: a.cfg.Crunchers, Log: env.Log, Modules: modules.New(js), WASM: a.cfg.WASM}
	if tools.WASM.Dir == "" && a.cfg.Broker != nil {
		tools.WASM.Dir = filepath.Join(a.cfg.Dir, "wasm")
	}
	if a.cfg.Programs != "" {
		if tools.Programs, err = programs.Load(a.cfg.Programs); err != nil {
			return nil, fmt.Errorf("--programs %s: %w", a.cfg.Programs, err)
		}
	}
	box := cruncher.NewToolbox(tools)
	a.onClose(box.Close)
	set := box.Ops()
	a.describe("cruncher", "%s; ops %s; %s", atOnce(a.cfg.Crunchers), strings.Join(set.Names(), ", "), stage.LaneShares())
	if tools.Programs != nil {
		a.describe("programs", "%s", strings.Join(tools.Programs.Names(), ", "))
	}
	return cruncher.New(env, cruncher.Config{Concurrency: a.cfg.Crunchers, Limits: a.cfg.Limits}, set)
}
