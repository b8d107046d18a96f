package app

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/modules"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/services/cruncher"
	"github.com/fetchmill/fetchmill/services/cruncher/programs"
	"github.com/fetchmill/fetchmill/services/fetcher/files"
)

// maxPartedFile is how large a file may be of which parts are read, which takes as much of anything as the parts have.
const maxPartedFile = 1 << 40

func (a *App) newCruncher(_ context.Context, env host.Env, _ *http.ServeMux) (runner, error) {
	js, err := jetstream.New(env.Conn)
	if err != nil {
		return nil, err
	}
	cfg := cruncher.Config{Concurrency: a.cfg.Crunchers, CPUShare: a.cfg.CPUShare, Limits: a.cfg.Limits}
	cfg.Limits.Memory = a.cfg.Memory
	if a.cfg.Autoscale != nil {
		cfg.Limits.Memory = crunchMemory(a.cfg, a.cfg.crunchers().Most)
	}
	workers := cfg.Workers()
	tools := cruncher.ToolConfig{Concurrency: workers.Limit(), Log: env.Log, Modules: modules.New(js), WASM: a.cfg.WASM}
	if tools.WASM.Dir == "" && a.cfg.Broker != nil {
		tools.WASM.Dir = filepath.Join(a.cfg.Dir, "wasm")
	}
	if a.cfg.Programs != "" {
		if tools.Programs, err = programs.Load(a.cfg.Programs); err != nil {
			return nil, fmt.Errorf("--programs %s: %w", a.cfg.Programs, err)
		}
	}
	folders := a.cfg.Files
	folders.MaxBytes = maxPartedFile
	roots, err := files.Open(folders)
	if err != nil {
		return nil, err
	}
	a.onClose(roots.Close)
	if len(roots.List()) > 0 {
		tools.Files = partFiles{roots}
	}
	box := cruncher.NewToolbox(tools)
	a.onClose(box.Close)
	set := box.Ops()
	a.describe("cruncher", "%s%s; %s of memory for them; ops %s; %s", atOnce(workers.Limit()), workers.OfCPUs(), humanize.IBytes(uint64(cfg.Memory())), strings.Join(set.Names(), ", "), stage.LaneShares())
	if !a.cfg.has(Fetcher) { // which tells of them itself
		sources{files: roots}.describe(a)
	}
	if tools.Programs != nil {
		a.describe("programs", "%s", strings.Join(tools.Programs.Names(), ", "))
	}
	return cruncher.New(env, cfg, set)
}
