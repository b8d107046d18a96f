package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// Channels tells how the channels for notices are doing, by name. What several sinks tell of one channel is put together.
func (c *Client) Channels(ctx context.Context) ([]events.ChannelStatus, error) {
	inbox := c.nc.NewInbox()
	replies, err := c.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("ask for channels: %w", err)
	}
	defer func() { _ = replies.Unsubscribe() }()
	if err := c.nc.PublishRequest(events.SubjectChannelList, inbox, nil); err != nil {
		return nil, fmt.Errorf("ask for channels: %w", err)
	}
	by := map[string]events.ChannelStatus{}
	heard := false
	patience := requestTimeout // for the first; nobody knows how many there are
	for {
		m, err := next(ctx, replies, patience)
		switch {
		case errors.Is(err, nats.ErrNoResponders):
			return nil, fmt.Errorf("%w to %s: %s", ErrNoService, events.SubjectChannelList, startServices)
		case heard && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			return sorted(by), nil
		case err != nil:
			return nil, fmt.Errorf("ask for channels: %w", err)
		}
		var list events.ChannelList
		if json.Unmarshal(m.Data, &list) == nil {
			for _, s := range list.Channels {
				by[s.Channel] = together(by[s.Channel], s)
			}
		}
		heard = true
		patience = serviceWait
	}
}

func next(ctx context.Context, replies *nats.Subscription, patience time.Duration) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return replies.NextMsgWithContext(ctx)
}

func sorted(by map[string]events.ChannelStatus) []events.ChannelStatus {
	list := make([]events.ChannelStatus, 0, len(by))
	for _, s := range by {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b events.ChannelStatus) int { return cmp.Compare(a.Channel, b.Channel) })
	return list
}

// together is what two sinks know of a channel.
func together(a, b events.ChannelStatus) events.ChannelStatus {
	later := func(a, b time.Time) time.Time {
		if a.After(b) {
			return a
		}
		return b
	}
	out := b
	out.Sent, out.Waiting = a.Sent+b.Sent, max(a.Waiting, b.Waiting)
	out.LastSent, out.Resting = later(a.LastSent, b.LastSent), later(a.Resting, b.Resting)
	if a.LastFailed.After(b.LastFailed) {
		out.LastFailed, out.LastError = a.LastFailed, a.LastError
	}
	return out
}

// TestChannel has a test message sent on a channel. What comes in the way is an *events.Problem.
func (c *Client) TestChannel(ctx context.Context, channel, by string) (events.ChannelTested, error) {
	var done events.ChannelTested
	err := c.ask(ctx, events.SubjectChannelTest, events.ChannelTest{Channel: channel, By: by}, &done)
	return done, err
}
