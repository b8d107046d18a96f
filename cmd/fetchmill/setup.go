package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/topology"
)

type setupCmd struct {
	output
	Streams topology.Config `embed:"" group:"streams"`
}

func (*setupCmd) Help() string {
	return `Creates the streams, consumers and buckets on the broker, and updates those that differ. Running it again changes nothing.
What cannot be changed is refused, with what to do about it.

Examples:

    fetchmill setup --nats nats://broker:4222
    fetchmill setup --replicas 3 --max-bytes 10737418240
`
}

// setupPatience is how long setup waits for a broker that is not there yet, as in a compose file, and for each of its answers.
const setupPatience = 30 * time.Second

func (cmd *setupCmd) Run(ctx context.Context, s *session) error {
	if err := cmd.Streams.Validate(); err != nil {
		return err
	}
	nc, err := host.Connect(ctx, host.ConnectConfig{
		URL: s.NATS, Name: "fetchmill setup", As: s.As, Inbox: topology.InboxPrefix(topology.RoleSetup, ""), Wait: setupPatience, Log: s.log,
	})
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(setupPatience))
	if err != nil {
		return err
	}
	changes, err := topology.Provision(ctx, js, topology.For(cmd.Streams))
	if printErr := cli.NewWriter(s.stdout, cmd.Output, changeColumns()).All(cli.Each(changes), 0); err == nil {
		err = printErr
	}
	if err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	return nil
}

func changeColumns() []cli.Column[topology.Change] {
	return []cli.Column[topology.Change]{
		{Name: "kind", Text: func(c topology.Change) string { return c.Kind }},
		{Name: "name", Text: func(c topology.Change) string { return c.Name }},
		{Name: "action", Text: func(c topology.Change) string { return string(c.Action) }},
	}
}
