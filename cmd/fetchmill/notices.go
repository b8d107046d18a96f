package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"time"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/internal/cli"
	"github.com/fetchmill/fetchmill/pkg/client"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/sink/notices/outlet"
)

// messages are the flags of commands that run a sink, about what people are told.
type messages struct {
	Channels string `placeholder:"FILE" help:"YAML file of the channels on which people are told: e-mail, webhooks, ntfy, Slack and others (docs/notices.md says how it is written)."`
}

func (f messages) apply(c *app.Config) { c.Channels, c.Shout = f.Channels, shouter }

// shouter makes a process of this very program that sends one message.
func shouter(ctx context.Context) *exec.Cmd {
	path, _ := selfPath()                                     // without a path the start of the command fails, and says so
	cmd := exec.CommandContext(ctx, path, "notices", "shout") //nolint:gosec // this program
	cmd.Args[0] = "fetchmill"
	return cmd
}

type noticesCmd struct {
	Channels noticesChannelsCmd `cmd:"" help:"List the channels, and how they are doing."`
	Test     noticesTestCmd     `cmd:"" help:"Send a test message on a channel."`
	Shout    noticesShoutCmd    `cmd:"" hidden:"" help:"Send one message through shoutrrr; sinks start this by themselves."`
}

func (*noticesCmd) Help() string {
	return `Notices tell people what has happened, on the channels of the file that sinks are started with (--channels FILE).
Those that could not be sent are dead letters.

Examples:

    fetchmill notices channels
    fetchmill notices test ops
    fetchmill dead ls --stage notice
    fetchmill dead replay --all --stage notice
`
}

type noticesShoutCmd struct{}

// Run sends what is on stdin. The one who started it reads its output.
func (*noticesShoutCmd) Run(ctx context.Context, s *session) error {
	return outlet.Shout(ctx, s.stdin, s.stdout)
}

type noticesChannelsCmd struct{ output }

func (*noticesChannelsCmd) Help() string {
	return `Waiting is how many notices are not sent yet. A channel that does not take them rests until the next attempt, and then goes on with what waits.
What was sent, and when, is since the start of the sinks.

Example:

    fetchmill notices channels -o json
`
}

func (cmd *noticesChannelsCmd) Run(ctx context.Context, s *session) error {
	return s.with(ctx, func(c *client.Client) error {
		list, err := c.Channels(ctx)
		if err != nil {
			return err
		}
		if len(list) == 0 && cmd.Output == cli.Table {
			s.say("no sink has channels: start it with --channels FILE")
		}
		return cli.NewWriter(s.stdout, cmd.Output, channelColumns()).All(cli.Each(list), 0)
	})
}

func channelColumns() []cli.Column[events.ChannelStatus] {
	ago := func(t time.Time) string {
		if t.IsZero() {
			return "never"
		}
		return time.Since(t).Round(time.Second).String() + " ago"
	}
	return []cli.Column[events.ChannelStatus]{
		{Name: "channel", Text: func(c events.ChannelStatus) string { return c.Channel }},
		{Name: "kind", Text: func(c events.ChannelStatus) string { return c.Kind }},
		{Name: "state", Text: func(c events.ChannelStatus) string {
			if !c.Resting.IsZero() {
				return "failing"
			}
			return "ok"
		}},
		{Name: "waiting", Text: func(c events.ChannelStatus) string { return strconv.FormatUint(c.Waiting, 10) }},
		{Name: "sent", Text: func(c events.ChannelStatus) string { return strconv.FormatInt(c.Sent, 10) }},
		{Name: "last sent", Text: func(c events.ChannelStatus) string { return ago(c.LastSent) }},
		{Name: "last failed", Text: func(c events.ChannelStatus) string { return ago(c.LastFailed) }},
		{Name: "error", Text: func(c events.ChannelStatus) string { return c.LastError }},
	}
}

type noticesTestCmd struct {
	Channel string        `arg:"" help:"The channel."`
	Timeout time.Duration `default:"1m" placeholder:"DURATION" help:"Wait at most so long (default ${default})."`
}

func (*noticesTestCmd) Help() string {
	return `The message is sent at once, whatever else waits for the channel. If it is taken, the channel goes on with what waits.

Example:

    fetchmill notices test ops && echo it works
`
}

func (cmd *noticesTestCmd) Run(ctx context.Context, s *session) error {
	return s.with(ctx, func(c *client.Client) error {
		ctx, cancel := context.WithTimeout(ctx, cmd.Timeout)
		defer cancel()
		done, err := c.TestChannel(ctx, cmd.Channel, whoami())
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("no answer within %s: see how the channel is doing with: fetchmill notices channels", cmd.Timeout)
		}
		if err != nil {
			return fmt.Errorf("test channel %s: %w", cmd.Channel, err)
		}
		s.say("channel %s (%s) has taken a test message in %s", done.Channel, done.Kind, time.Duration(done.TookMS)*time.Millisecond)
		return nil
	})
}

// whoami is who runs the command, for the text of the message.
func whoami() string {
	name := "somebody"
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}
