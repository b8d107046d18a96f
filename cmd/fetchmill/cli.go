package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/internal/host"
)

// commands is the whole command line.
type commands struct {
	globals

	Up       upCmd       `cmd:"" group:"services" help:"Start everything in one process: broker, database and all services."`
	Demo     demoCmd     `cmd:"" group:"services" help:"Show everything at work, for some seconds and without a network."`
	Ingest   ingestCmd   `cmd:"" group:"services" help:"Start the service that takes work in."`
	Fetcher  fetcherCmd  `cmd:"" group:"services" help:"Start the service that does the I/O."`
	Cruncher cruncherCmd `cmd:"" group:"services" help:"Start the service that computes."`
	Sink     sinkCmd     `cmd:"" group:"services" help:"Start the service that stores results."`
	Setup    setupCmd    `cmd:"" group:"services" help:"Create or update what the services need on the broker."`
	Keys     keysCmd     `cmd:"" group:"services" help:"Make what services and clients show when they connect."`
	Replica  replicaCmd  `cmd:"" hidden:"" help:"Run another instance of a service, as the standard input says; 'up --autoscale' starts this by itself."`
	Health   healthCmd   `cmd:"" group:"services" help:"Ask a service whether it is ready, for containers without a shell."`

	Submit  submitCmd  `cmd:"" group:"work" help:"Submit items to a recipe, many at once."`
	Run     runCmd     `cmd:"" group:"work" help:"Do one item and print its result."`
	Results resultsCmd `cmd:"" group:"work" help:"Print or follow results."`
	Batch   batchCmd   `cmd:"" group:"work" help:"See, wait for and cancel batches."`
	Windows windowsCmd `cmd:"" group:"work" help:"See windows of time, and what their results come down to."`

	Uptime uptimeCmd `cmd:"" group:"work" help:"Watch sites and servers, and see how they are."`

	Status  statusCmd  `cmd:"" group:"care" help:"Show the broker, its streams, the backlog of each stage and the services."`
	WASM    wasmCmd    `cmd:"" name:"wasm" group:"care" help:"Look after the programs of yours that items are computed with."`
	Notices noticesCmd `cmd:"" group:"care" help:"Look after the channels on which people are told."`
	Dead    deadCmd    `cmd:"" group:"care" help:"Look after what could not be done."`
	Bench   benchCmd   `cmd:"" group:"care" help:"Measure how fast it is on this machine."`
	Version versionCmd `cmd:"" group:"care" help:"Print the version."`
}

// globals are the flags of all commands.
type globals struct {
	NATS      string        `name:"nats" placeholder:"URL" group:"global" help:"The broker. Without it $NATS_URL counts, then the selected context of the nats CLI, then nats://127.0.0.1:4222."`
	As        host.Identity `embed:""`
	LogLevel  string        `enum:"debug,info,warn,error" default:"info" group:"global" help:"Least level of what is logged: ${enum} (default ${default})."`
	LogFormat string        `enum:"auto,text,json" default:"auto" group:"global" help:"How lines are logged: ${enum}; auto is text on a terminal and JSON elsewhere (default ${default})."`
}

const description = "fetchmill fetches, computes and aggregates: publish a work item, get one durable result.\n\n" +
	"Results go to stdout, everything else to stderr. Exit status: 0 all is well, 2 some items failed or were cancelled, " +
	"1 the command could not do its work, 130 interrupted."

// newParser makes what reads the command line into c.
func newParser(c *commands, stdout, stderr io.Writer) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("fetchmill"), kong.Description(description), kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.ValueFormatter(plainHelp),
		kong.ExplicitGroups([]kong.Group{
			{Key: "services", Title: "Services:"}, {Key: "work", Title: "Work:"}, {Key: "care", Title: "Care:"}, {Key: "retries", Title: "Retries:"}, {Key: "hosts", Title: "Hosts:"}, {Key: "autoscale", Title: "Autoscaling:"}, {Key: "streams", Title: "Streams:"}, {Key: "global", Title: "Everywhere:"},
		}),
		kong.Exit(os.Exit),
	)
}

// run is the process without its globals.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var c commands
	parser, err := newParser(&c, stdout, stderr)
	if err != nil {
		return complain(stderr, err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return complain(stderr, fmt.Errorf("%w; see: %s --help", err, usage(parser, err)))
	}
	log, err := host.NewLogger(stderr, c.LogLevel, host.LogFormat(c.LogFormat))
	if err != nil {
		return complain(stderr, err)
	}
	host.RelaxGC()
	intake, work, stop := host.Signals(context.Background())
	defer stop()
	s := &session{globals: c.globals, stdin: stdin, stdout: stdout, stderr: stderr, log: log}
	parsed.BindTo(intake, (*context.Context)(nil))
	parsed.BindTo(work, (*hurry)(nil))
	parsed.Bind(s)
	return complain(stderr, parsed.Run())
}

// hurry is the context that ends at the second stop signal; context.Context itself ends at the first.
type hurry interface{ context.Context }

// complain prints an error and returns the exit status that it means.
func complain(stderr io.Writer, err error) int {
	if err != nil && err.Error() != "" {
		_, _ = fmt.Fprintf(stderr, "fetchmill: %v\n", err)
	}
	return cli.StatusOf(err)
}

// usage is the command whose help says more about a mistake on the command line.
func usage(parser *kong.Kong, err error) string {
	if p, ok := errors.AsType[*kong.ParseError](err); ok && p.Context.Selected() != nil {
		return p.Context.Selected().FullPath()
	}
	return parser.Model.Name
}

// plainHelp leaves help texts as they are: they say their defaults themselves where it matters.
func plainHelp(v *kong.Value) string { return v.Help }
