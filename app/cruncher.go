package app

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/services/cruncher"
	"github.com/fetchmill/fetchmill/services/cruncher/programs"
)

func (a *App) newCruncher(_ context.Context, env host.Env, _ *http.ServeMux) (runner, error) {
	tools := cruncher.ToolConfig{Concurrency: a.cfg.Crunchers, Log: env.Log}
	if a.cfg.Programs != "" {
		var err error
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
