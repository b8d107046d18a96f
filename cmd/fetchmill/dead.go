package main

import (
	"context"
	"errors"
	"unicode/utf8"

	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

type deadCmd struct {
	Ls     deadLsCmd     `cmd:"" help:"List dead letters, oldest first."`
	Show   deadShowCmd   `cmd:"" help:"Show a dead letter with its headers and its original bytes."`
	Replay deadReplayCmd `cmd:"" help:"Do it again: publish what a dead letter holds as new work, and forget the letter."`
	Rm     deadRmCmd     `cmd:"" help:"Forget dead letters."`
}

func (*deadCmd) Help() string {
	return `Examples:

    fetchmill dead ls --recipe page
    fetchmill dead show 17
    fetchmill dead show 17 --raw > original
    fetchmill dead replay 17 18
    fetchmill dead replay --all --reason unknown_recipe
    fetchmill dead rm --all --stage ingest
`
}

// deadFilter selects dead letters.
type deadFilter struct {
	Stage  events.Stage  `placeholder:"STAGE" enum:",ingest,fetch,crunch,sink,notice" default:"" help:"Only those of a stage: ingest, fetch, crunch, sink or notice."`
	Recipe string        `placeholder:"NAME" help:"Only those of a recipe, or of the stage notice those of a channel."`
	Reason events.Reason `placeholder:"REASON" help:"Only those with this reason, e.g. bad_input."`
}

func (f deadFilter) filter() client.DeadFilter {
	return client.DeadFilter{Stage: f.Stage, Recipe: f.Recipe, Reason: f.Reason}
}

type deadLsCmd struct {
	deadFilter
	Limit int `default:"0" help:"At most so many; 0 means all (default ${default})."`
	output
}

func (cmd *deadLsCmd) Run(ctx context.Context, s *session) error {
	return s.with(ctx, func(c *client.Client) error {
		return cli.NewWriter(s.stdout, cmd.Output, cli.DeadColumns()).All(c.Dead(ctx, cmd.filter()), cmd.Limit)
	})
}

type deadShowCmd struct {
	Seq uint64 `arg:"" help:"Number of the dead letter."`
	Raw bool   `help:"Write nothing but the original bytes."`
}

func (cmd *deadShowCmd) Run(ctx context.Context, s *session) error {
	return s.with(ctx, func(c *client.Client) error {
		d, err := c.DeadShow(ctx, cmd.Seq)
		if err != nil {
			return err
		}
		if cmd.Raw {
			_, err := s.stdout.Write(d.Data)
			return err
		}
		shown := struct {
			*client.DeadLetter
			Data   string `json:"data,omitempty"`
			Base64 []byte `json:"data_base64,omitempty"`
		}{DeadLetter: d}
		if utf8.Valid(d.Data) {
			shown.Data = string(d.Data)
		} else {
			shown.Base64 = d.Data
		}
		return cli.WriteJSON(s.stdout, shown)
	})
}

// deadPick names dead letters, or all that match.
type deadPick struct {
	Seqs []uint64 `arg:"" optional:"" name:"seq" help:"Numbers of the dead letters."`
	All  bool     `help:"All that match the filters."`
	deadFilter
}

// each does something with every dead letter that is picked. What fails does not keep the others from their turn.
func (p *deadPick) each(ctx context.Context, c *client.Client, do func(uint64) error) (int, error) {
	if p.All == (len(p.Seqs) > 0) {
		return 0, errors.New("name the dead letters by their numbers (see: fetchmill dead ls), or use --all with or without filters")
	}
	seqs := p.Seqs
	if p.All {
		for d, err := range c.Dead(ctx, p.filter()) {
			if err != nil {
				return 0, err
			}
			seqs = append(seqs, d.Seq)
		}
	}
	var errs []error
	for _, seq := range seqs {
		if err := do(seq); err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return len(seqs) - len(errs), errors.Join(errs...)
}

type deadReplayCmd struct{ deadPick }

func (cmd *deadReplayCmd) Run(ctx context.Context, s *session) error {
	return s.with(ctx, func(c *client.Client) error {
		n, err := cmd.each(ctx, c, func(seq uint64) error { return c.DeadReplay(ctx, seq) })
		s.say("%d dead letters replayed", n)
		return err
	})
}

type deadRmCmd struct{ deadPick }

func (cmd *deadRmCmd) Run(ctx context.Context, s *session) error {
	return s.with(ctx, func(c *client.Client) error {
		n, err := cmd.each(ctx, c, func(seq uint64) error { return c.DeadRemove(ctx, seq) })
		s.say("%d dead letters removed", n)
		return err
	})
}
