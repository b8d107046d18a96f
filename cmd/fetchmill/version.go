package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/fetchmill/fetchmill/internal/cli"
)

type versionCmd struct {
	Output cli.Format `short:"o" enum:"table,json" default:"table" help:"Format: ${enum} (default ${default})."`
}

// build says what this binary was made from.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"` // made from changed sources
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (cmd *versionCmd) Run(s *session) error {
	b := buildInfo()
	if cmd.Output == cli.JSON {
		return cli.WriteJSON(s.stdout, b)
	}
	_, err := fmt.Fprintf(s.stdout, "fetchmill %s (%s, %s)\n", b.Version, b.Go, b.Platform)
	return err
}

// version is set by deploy/build.sh; builds of the go command know theirs themselves.
var version string

func buildInfo() build {
	b := build{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = cmp.Or(version, info.Main.Version, b.Version)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}
