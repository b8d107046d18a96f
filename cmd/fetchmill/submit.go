package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nuid"

	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

type submitCmd struct {
	Recipe   string        `arg:"" help:"The recipe that is done with each item."`
	Args     []string      `arg:"" optional:"" name:"arg" help:"Items: a text is the recipe's primary parameter, a JSON object is all parameters."`
	File     string        `short:"f" placeholder:"FILE" help:"Read items from a file, or from stdin with '-': one per line, text or a JSON object. A .csv file has a header row of parameter names."`
	Param    []string      `short:"p" sep:"none" placeholder:"NAME=VALUE" help:"Add a parameter to every item that is a JSON object. The value may be JSON; anything else is text."`
	Batch    string        `placeholder:"ID" help:"Name of the batch; made up if not given. The same submission again under the same name goes on where it stopped."`
	Reduce   []string      `sep:"none" placeholder:"REDUCTION" help:"What the results come down to, e.g. 'sum(value.count) as total by value.kind'; may be repeated. See docs/reduce.md."`
	Lane     events.Lane   `enum:"high,normal,low" default:"normal" help:"Priority: ${enum} (default ${default})."`
	Deadline time.Duration `placeholder:"DURATION" help:"Items not done after this time fail, e.g. 10m. Default: none."`
	Notify   []string      `placeholder:"CHANNEL" help:"Tell people on this channel when all items have ended (see: fetchmill notices channels); may be repeated."`
	Wait     bool          `short:"w" help:"Wait until all items have ended, show the progress, and exit with 2 if some failed."`
	Ordered  bool          `help:"With --wait: print results in the order of the items, after the end. Otherwise as they complete."`
	Timeout  time.Duration `placeholder:"DURATION" help:"With --wait: wait at most so long. The work goes on. Default: no limit."`
	output
}

func (*submitCmd) Help() string {
	return `Examples:

    fetchmill submit page https://example.com https://example.org --wait
    fetchmill submit page -f urls.txt --batch monday --wait --ordered -o ndjson > results.ndjson
    fetchmill submit words -f pages.txt --wait --reduce 'sum(value.words) as words' --reduce 'count by status'
    fetchmill submit resize -f images.csv -p width=200
    cat urls.txt | fetchmill submit uptime -f -

With -o json, ndjson or csv, --wait prints the results, and the counts by outcome go to stderr; with --reduce it prints the batch with its
answers instead of the results.
`
}

// submitPatience is how long the sink may be away while we wait: the work is safe, and the sink is started again.
const submitPatience = 5 * time.Minute

func (cmd *submitCmd) Run(ctx context.Context, s *session) error {
	params, err := cli.Params(cmd.Param)
	if err != nil {
		return err
	}
	if !cmd.Wait && (cmd.Ordered || cmd.Timeout > 0) {
		return errors.New("--ordered and --timeout only make sense with --wait")
	}
	if cmd.Batch == "" {
		cmd.Batch = fmt.Sprintf("%s-%s-%s", cmd.Recipe, time.Now().UTC().Format("20060102-150405"), nuid.Next()[18:])
	}
	return s.with(ctx, func(c *client.Client) error {
		sub, err := cmd.submit(ctx, s, c, params)
		if err != nil {
			return err
		}
		if !cmd.Wait {
			s.say("wait for it with:   fetchmill batch wait %s\nsee the results:    fetchmill results --batch %s", sub.Batch, sub.Batch)
			return cli.NewWriter(s.stdout, cmd.Output, submissionColumns()).All(cli.Each([]submission{{sub.Batch, cmd.Recipe, sub.Accepted, sub.Duplicates}}), 0)
		}
		w := s.wait(c, cmd.Output)
		w.Ordered, w.Timeout, w.Patience = cmd.Ordered, cmd.Timeout, submitPatience
		w.Answer = len(cmd.Reduce) > 0
		return w.Batch(ctx, sub.Batch)
	})
}

func (cmd *submitCmd) submit(ctx context.Context, s *session, c *client.Client, params map[string]any) (client.Submission, error) {
	progress := cli.NewProgress(s.stderr)
	refused := false
	o := client.SubmitOptions{Batch: cmd.Batch, Notify: cmd.Notify, Lane: cmd.Lane, Params: params, Reduce: cmd.Reduce, OnProgress: func(sub client.Submission) {
		progress.Show("submitted", sub.Accepted, -1)
		if sub.Refused > 0 && !refused {
			refused = true
			s.log.Info("the work stream is full: slowing down until the services have caught up")
		}
	}}
	if cmd.Deadline > 0 {
		o.Deadline = time.Now().Add(cmd.Deadline)
	}
	sub, err := c.Submit(ctx, cmd.Recipe, cli.Items(cmd.Args, cmd.File, s.stdin), o)
	progress.Clear()
	if err == nil {
		return sub, nil
	}
	again := fmt.Sprintf("%d items are submitted; submit the same again with --batch %s to go on from there", sub.Accepted, cmd.Batch)
	if ctx.Err() != nil {
		return sub, &cli.Exit{Code: host.ExitInterrupted, Text: "interrupted: " + again}
	}
	if sub.Accepted > 0 {
		return sub, fmt.Errorf("%w; %s", err, again)
	}
	return sub, err
}

// submission is what submit prints when it does not wait.
type submission struct {
	Batch      string `json:"batch"`
	Recipe     string `json:"recipe"`
	Accepted   int64  `json:"accepted"`
	Duplicates int64  `json:"duplicates"`
}

func submissionColumns() []cli.Column[submission] {
	return []cli.Column[submission]{
		{Name: "batch", Text: func(s submission) string { return s.Batch }},
		{Name: "recipe", Text: func(s submission) string { return s.Recipe }},
		{Name: "accepted", Text: func(s submission) string { return fmt.Sprint(s.Accepted) }},
		{Name: "duplicates", Text: func(s submission) string { return fmt.Sprint(s.Duplicates) }},
	}
}
