package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/internal/uptime"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

type uptimeCmd struct {
	Apply     uptimeApplyCmd     `cmd:"" help:"Watch what a file says."`
	Ls        uptimeLsCmd        `cmd:"" help:"List what is watched: state, uptime, response times."`
	Show      uptimeShowCmd      `cmd:"" help:"Show all about one target."`
	Incidents uptimeIncidentsCmd `cmd:"" help:"List when targets were down, newest first."`
	Rm        uptimeRmCmd        `cmd:"" help:"Watch targets no more."`
}

func (*uptimeCmd) Help() string {
	return `What is watched is written into a file, such as

    targets:
      - name: shop
        url: https://shop.example.com/
        channels: [ops]

Examples:

    fetchmill uptime apply -f targets.yaml --dry-run
    fetchmill uptime apply -f targets.yaml --prune
    fetchmill uptime ls --state down
    fetchmill uptime show shop
`
}

type uptimeApplyCmd struct {
	File   string `short:"f" required:"" placeholder:"FILE" help:"The targets, as docs/uptime.md describes them; - is stdin."`
	Prune  bool   `help:"Remove the targets that are not in the file. Otherwise they stay."`
	DryRun bool   `help:"Only tell what would be done."`
	output
}

func (*uptimeApplyCmd) Help() string {
	return `Makes what is watched be what the file says, in one transaction: all of it, or nothing if there is a mistake. Applying it again changes
nothing. Targets that are not in the file stay as they are, so several files can be applied one after the other; with --prune the file
is all that there is, and the others are watched no more.

Examples:

    fetchmill uptime apply -f targets.yaml --dry-run
    fetchmill uptime apply -f targets.yaml
    fetchmill uptime apply -f all.yaml --prune
`
}

func (cmd *uptimeApplyCmd) Run(ctx context.Context, s *session) error {
	data, err := cmd.read(s)
	if err != nil {
		return err
	}
	// What is wrong with it can be told before anybody is asked. Recipes are for the sink to know.
	if _, err := uptime.Parse(data, nil); err != nil {
		return fmt.Errorf("%s: %w", cmd.File, err)
	}
	return s.with(ctx, func(c *client.Client) error {
		applied, err := c.ApplyTargets(ctx, data, client.ApplyOptions{Prune: cmd.Prune, DryRun: cmd.DryRun})
		if err != nil {
			return fmt.Errorf("%s: %w", cmd.File, err)
		}
		return s.tellApplied(applied, cmd.Output)
	})
}

func (cmd *uptimeApplyCmd) read(s *session) ([]byte, error) {
	in := s.stdin
	if cmd.File != "-" {
		f, err := os.Open(cmd.File)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	return io.ReadAll(io.LimitReader(in, uptime.MaxDocumentBytes+1))
}

// tellApplied prints what was changed, and says the rest.
func (s *session) tellApplied(a *events.Applied, f cli.Format) error {
	if f == cli.JSON {
		return cli.WriteJSON(s.stdout, a)
	}
	total := a.Added + a.Changed + a.Removed
	if total > 0 {
		if err := cli.NewWriter(s.stdout, f, cli.ChangeColumns()).All(cli.Each(a.Changes), 0); err != nil {
			return err
		}
	}
	if more := total - len(a.Changes); more > 0 {
		s.say("and %d more", more)
	}
	switch {
	case total == 0 && !a.Settings:
		s.say("nothing to change: all %d targets are as they should be", a.Unchanged)
	case a.DryRun:
		s.say("would be added %d, changed %d, removed %d; unchanged %d", a.Added, a.Changed, a.Removed, a.Unchanged)
	default:
		s.say("added %d, changed %d, removed %d; unchanged %d", a.Added, a.Changed, a.Removed, a.Unchanged)
	}
	if a.Settings {
		s.say("the settings about outages of our own are other than before")
	}
	if a.Kept > 0 {
		s.say("%d targets that are not in the file stay; remove them with --prune", a.Kept)
	}
	return nil
}

type uptimeLsCmd struct {
	Group string             `placeholder:"NAME" help:"Only targets of this group."`
	Owner string             `placeholder:"NAME" help:"Only targets of this owner."`
	State events.TargetState `placeholder:"STATE" enum:",new,up,down,paused" default:"" help:"Only targets in this state: new, up, down or paused."`
	Limit int                `placeholder:"N" help:"At most so many (default: all)."`
	output
}

func (*uptimeLsCmd) Help() string {
	return `Examples:

    fetchmill uptime ls
    fetchmill uptime ls --state down --group web
    fetchmill uptime ls -o csv > uptime.csv
`
}

func (cmd *uptimeLsCmd) Run(ctx context.Context, s *session) error {
	return s.with(ctx, func(c *client.Client) error {
		q := events.TargetQuery{Group: cmd.Group, Owner: cmd.Owner, State: cmd.State}
		if page, err := c.TargetPage(ctx, events.TargetQuery{Limit: 1}); err == nil && page.Outage != nil {
			s.say("an outage of our own since %s: %d of %d sites do not answer", events.FormatTime(page.Outage.Since), page.Outage.Failing, page.Outage.Sites)
		}
		return cli.NewWriter(s.stdout, cmd.Output, cli.TargetColumns()).All(c.Targets(ctx, q), cmd.Limit)
	})
}

type uptimeShowCmd struct {
	Name   string     `arg:"" help:"The target."`
	Output cli.Format `short:"o" enum:"table,json" default:"table" help:"Format: ${enum} (default ${default})."`
}

// shownDays is how many days a table has; as JSON there are all.
const shownDays = 14

func (cmd *uptimeShowCmd) Run(ctx context.Context, s *session) error {
	return s.with(ctx, func(c *client.Client) error {
		d, err := c.Target(ctx, cmd.Name)
		if err != nil {
			return err
		}
		if cmd.Output == cli.JSON {
			return cli.WriteJSON(s.stdout, d)
		}
		if err := cli.NewWriter(s.stdout, cli.Table, cli.TargetColumns()).All(cli.Each([]events.TargetStatus{d.TargetStatus}), 0); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(s.stdout, "\n%s\nevery %s with recipe %s; down after %d failures, up after %d successes\n", d.URL(), d.Interval(), d.Recipe, d.Failures, d.Successes)
		for _, condition := range d.Conditions {
			_, _ = fmt.Fprintf(s.stdout, "condition %s\n", condition)
		}
		if len(d.Incidents) > 0 {
			_, _ = io.WriteString(s.stdout, "\n")
			if err := cli.NewWriter(s.stdout, cli.Table, cli.IncidentColumns()[1:]).All(cli.Each(d.Incidents), 0); err != nil {
				return err
			}
		}
		_, _ = io.WriteString(s.stdout, "\n")
		return cli.NewWriter(s.stdout, cli.Table, cli.SpanColumns()).All(cli.Each(d.Days[max(0, len(d.Days)-shownDays):]), 0)
	})
}

type uptimeIncidentsCmd struct {
	Target string `placeholder:"NAME" help:"Only those of this target."`
	Open   bool   `help:"Only those that last."`
	Limit  int    `default:"50" help:"At most so many; 0 means all (default ${default})."`
	output
}

func (cmd *uptimeIncidentsCmd) Run(ctx context.Context, s *session) error {
	q := events.IncidentQuery{Target: cmd.Target}
	if cmd.Open {
		q.Open = "true"
	}
	return s.with(ctx, func(c *client.Client) error {
		return cli.NewWriter(s.stdout, cmd.Output, cli.IncidentColumns()).All(c.Incidents(ctx, q), cmd.Limit)
	})
}

type uptimeRmCmd struct {
	Names []string `arg:"" help:"The targets."`
}

func (cmd *uptimeRmCmd) Run(ctx context.Context, s *session) error {
	if len(cmd.Names) == 0 {
		return errors.New("name at least one target; list them with: fetchmill uptime ls")
	}
	return s.with(ctx, func(c *client.Client) error {
		applied, err := c.RemoveTargets(ctx, cmd.Names...)
		if err != nil {
			return err
		}
		s.say("removed %d; what they were stays in: fetchmill uptime incidents", applied.Removed)
		return nil
	})
}
