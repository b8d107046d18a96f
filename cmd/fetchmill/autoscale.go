package main

import (
	"time"

	"github.com/fetchmill/fetchmill/app"
)

// autoscale are the flags about following what there is to do.
type autoscale struct {
	On           bool          `name:"autoscale" group:"autoscale" help:"Start and stop further fetchers and crunchers, as processes of their own on this machine, as what waits and what comes asks for."`
	MinFetchers  int           `default:"1" placeholder:"N" group:"autoscale" help:"Fetchers that there are at least (default ${default})."`
	MaxFetchers  int           `default:"4" placeholder:"N" group:"autoscale" help:"Fetchers that there are at most (default ${default})."`
	MinCrunchers int           `default:"1" placeholder:"N" group:"autoscale" help:"Crunchers that there are at least (default ${default})."`
	MaxCrunchers int           `placeholder:"N" group:"autoscale" help:"Crunchers that there are at most (default: as many as fill the CPUs, which is one unless --crunchers says otherwise)."`
	Within       time.Duration `name:"autoscale-within" default:"1m" placeholder:"TIME" group:"autoscale" help:"In which time what waits is to be worked off (default ${default})."`
	Rest         time.Duration `name:"autoscale-rest" default:"1m" placeholder:"TIME" group:"autoscale" help:"How long fewer must have been enough before one is stopped (default ${default})."`
}

func (f autoscale) apply(to *app.Config, s *session) error {
	if !f.On {
		return nil
	}
	command, err := s.replica()
	if err != nil {
		return err
	}
	to.Autoscale = &app.Autoscale{
		Fetchers: app.Range{Least: f.MinFetchers, Most: f.MaxFetchers}, Crunchers: app.Range{Least: f.MinCrunchers, Most: f.MaxCrunchers},
		Within: f.Within, Rest: f.Rest, Command: command,
	}
	return nil
}
