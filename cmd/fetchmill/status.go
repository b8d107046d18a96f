package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
)

type statusCmd struct {
	Within time.Duration `default:"1m" placeholder:"TIME" help:"In which time what waits is to be worked off, for the numbers of instances that are wanted (default ${default})."`
	Output cli.Format    `short:"o" enum:"table,json" default:"table" help:"Format: ${enum} (default ${default})."`
}

func (*statusCmd) Help() string {
	return `Of a consumer, pending is what waits for its turn, in progress is what workers have in hand, redelivered is how much of
that has been delivered before, and workers is how many requests for more are open.
Of a stage, lag is what has come and is not done, arriving and done are items per second, capacity is how many of them one instance can do,
and wanted is how many instances would be right, from what is to be seen at this moment (docs/scaling.md).
Of a service, limit is how many handlers may be at work; "adaptive" says that it finds that out by itself, and of a cruncher the processors
tell where it is from. Parked is what only waits,
for the turn of its host for example, and is not counted against the limit.
Hosts that fetchers do not simply ask are listed if there are any: broken ones do not answer, paused ones have asked to slow down,
and of limited ones requests wait for their turn; a window is how many requests at a time a host has earned.

Examples:

    fetchmill status
    fetchmill status -o json | jq '.consumers[] | select(.pending > 0)'
    fetchmill status --within 10s -o json | jq '.scaling[] | select(.stage == "fetch") | .wanted'
`
}

func (cmd *statusCmd) Run(ctx context.Context, s *session) error {
	if cmd.Within <= 0 {
		return fmt.Errorf("--within: %s is not positive", cmd.Within)
	}
	return s.with(ctx, func(c *client.Client) error {
		st, err := c.Status(ctx)
		if err != nil {
			return err
		}
		st.Scaling = st.Wanted(client.ScalingOptions{Within: cmd.Within})
		if cmd.Output == cli.JSON {
			return cli.WriteJSON(s.stdout, st)
		}
		return printStatus(s, st)
	})
}

func printStatus(s *session, st *client.Status) error {
	_, _ = fmt.Fprintf(s.stdout, "broker %s (nats-server %s, round trip %s)\n\n", st.Broker.URL, st.Broker.Version, st.Broker.RTT.Round(10*time.Microsecond))
	if err := cli.NewWriter(s.stdout, cli.Table, streamColumns()).All(cli.Each(st.Streams), 0); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(s.stdout)
	if err := cli.NewWriter(s.stdout, cli.Table, consumerColumns()).All(cli.Each(st.Consumers), 0); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(s.stdout)
	if err := cli.NewWriter(s.stdout, cli.Table, scalingColumns()).All(cli.Each(st.Scaling), 0); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(s.stdout)
	if err := cli.NewWriter(s.stdout, cli.Table, serviceColumns()).All(cli.Each(st.Services), 0); err != nil {
		return err
	}
	if hosts := hostRows(st.Services); len(hosts) > 0 {
		_, _ = fmt.Fprintln(s.stdout)
		if err := cli.NewWriter(s.stdout, cli.Table, hostColumns()).All(cli.Each(hosts), 0); err != nil {
			return err
		}
	}
	if len(st.Missing) > 0 {
		s.say("\nstreams that are missing: %s; create them with: fetchmill setup, or start all with: fetchmill up", strings.Join(st.Missing, ", "))
	}
	return nil
}

func streamColumns() []cli.Column[client.StreamStatus] {
	return []cli.Column[client.StreamStatus]{
		{Name: "stream", Text: func(s client.StreamStatus) string { return s.Name }},
		{Name: "messages", Text: func(s client.StreamStatus) string { return strconv.FormatUint(s.Messages, 10) }},
		{Name: "bytes", Text: func(s client.StreamStatus) string { return strconv.FormatUint(s.Bytes, 10) }},
		{Name: "limit", Text: func(s client.StreamStatus) string {
			if s.MaxBytes < 0 {
				return "none"
			}
			return strconv.FormatInt(s.MaxBytes, 10)
		}},
		{Name: "ever", Text: func(s client.StreamStatus) string { return strconv.FormatUint(s.LastSeq, 10) }},
	}
}

func consumerColumns() []cli.Column[client.ConsumerStatus] {
	return []cli.Column[client.ConsumerStatus]{
		{Name: "consumer", Text: func(c client.ConsumerStatus) string { return c.Stream + "/" + c.Name }},
		{Name: "pending", Text: func(c client.ConsumerStatus) string { return strconv.FormatUint(c.Pending, 10) }},
		{Name: "in progress", Text: func(c client.ConsumerStatus) string { return strconv.Itoa(c.InProgress) }},
		{Name: "redelivered", Text: func(c client.ConsumerStatus) string { return strconv.Itoa(c.Redelivered) }},
		{Name: "workers", Text: func(c client.ConsumerStatus) string { return strconv.Itoa(c.Waiting) }},
	}
}

func serviceColumns() []cli.Column[client.ServiceStatus] {
	return []cli.Column[client.ServiceStatus]{
		{Name: "service", Text: func(s client.ServiceStatus) string { return s.Name }},
		{Name: "id", Text: func(s client.ServiceStatus) string { return s.ID }},
		{Name: "version", Text: func(s client.ServiceStatus) string { return s.Version }},
		{Name: "up for", Text: func(s client.ServiceStatus) string { return time.Since(s.Started).Round(time.Second).String() }},
		{Name: "limit", Text: limitOf},
		{Name: "in flight", Text: func(s client.ServiceStatus) string { return loadText(s, func(l events.Load) int { return l.InFlight }) }},
		{Name: "parked", Text: func(s client.ServiceStatus) string { return loadText(s, func(l events.Load) int { return l.Parked }) }},
		{Name: "requests", Text: func(s client.ServiceStatus) string { return strconv.Itoa(s.Requests) }},
	}
}

func limitOf(s client.ServiceStatus) string {
	text := loadText(s, func(l events.Load) int { return l.Limit })
	if s.Load == nil {
		return text
	}
	if s.Load.Adaptive {
		text += " adaptive"
	}
	return text + s.Load.OfCPUs()
}

func loadText(s client.ServiceStatus, figure func(events.Load) int) string {
	if s.Load == nil {
		return "-"
	}
	return strconv.Itoa(figure(*s.Load))
}
