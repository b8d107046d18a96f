package main

import "github.com/fetchmill/fetchmill/app"

// tools are the flags of commands that compute, about what they compute with.
type tools struct {
	Programs string `placeholder:"FILE" help:"Let recipes have items done by the programs of this list (docs/exec.md says how it is written)."`
}

func (f tools) apply(c *app.Config) { c.Programs = f.Programs }
