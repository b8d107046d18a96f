package client

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// DeadReplay publishes what a dead letter holds as new work of its recipe, and forgets the dead letter once the broker has the
// work. The new item belongs to no batch, because the old one's failure was counted there, and has no deadline, because the
// old one has passed or soon will. A notice is sent again, under its own id, on the channel that it was for.
func (c *Client) DeadReplay(ctx context.Context, seq uint64) error {
	d, err := c.DeadShow(ctx, seq)
	if err != nil {
		return err
	}
	m, err := replay(d)
	if err != nil {
		return fmt.Errorf("dead letter %d: %w", seq, err)
	}
	if _, err := c.js.PublishMsg(ctx, m); err != nil {
		stream := "WORK"
		if d.Stage == events.StageNotice {
			stream = "NOTICES"
		}
		return streamError(fmt.Sprintf("replay dead letter %d", seq), stream, err)
	}
	// Two replays at once: the second publish was a duplicate, and the letter may be gone already.
	if err := c.DeadRemove(ctx, seq); err != nil && !errors.Is(err, ErrNoDeadLetter) {
		return err
	}
	return nil
}

// replay makes the message. Its id has the time of the letter in it, not only the number: numbers start again at 1 when the
// stream is made anew, and an id that was used once is never done again.
func replay(d *DeadLetter) (*nats.Msg, error) {
	m := &nats.Msg{Header: nats.Header{}}
	switch d.Stage {
	case events.StageIngest:
		if events.ValidName(d.Recipe) != nil {
			return nil, fmt.Errorf("%w: it was sent to %q, which names no recipe; publish its bytes to work.<recipe> yourself", ErrNotReplayable, d.Subject)
		}
		m.Subject, m.Data = events.WorkSubject(d.Recipe), d.Data
		keepUserHeaders(m.Header, d.Header)
	case events.StageFetch, events.StageCrunch:
		it, err := events.DecodeItem(d.Data)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotReplayable, err)
		}
		if err := events.ValidName(it.Recipe); err != nil {
			return nil, fmt.Errorf("%w: recipe: %w", ErrNotReplayable, err)
		}
		body, err := Item{Params: it.Params, Text: it.Key}.body()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotReplayable, err)
		}
		m.Subject, m.Data = events.WorkSubject(it.Recipe), body
		m.Header.Set(events.HeaderLane, string(it.Lane))
	case events.StageNotice:
		n, err := events.DecodeNotice(d.Data)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotReplayable, err)
		}
		m.Subject, m.Data = events.NoticeSubject(n.Channel), d.Data
		for k, v := range events.Headers(n.ID, events.TypeNotice, events.StageSink) {
			m.Header.Set(k, v)
		}
	default:
		return nil, fmt.Errorf("%w: it died in stage %q, where there are results and no work", ErrNotReplayable, d.Stage)
	}
	m.Header.Set(events.HeaderMsgID, "replay/"+events.IDFromSequence(d.Seq, d.Time))
	return m, nil
}

// keepUserHeaders copies what the user had set. What the broker and the dead letter itself added, and what ties the item to
// its batch, is left out. The attributes of a CloudEvent are the user's unless they describe the dead letter.
func keepUserHeaders(to nats.Header, from map[string]string) {
	ofLetter := from[events.HeaderType] == events.TypeDead
	for k, v := range from {
		name := strings.ToLower(k)
		switch {
		case strings.HasPrefix(name, "nats-"), strings.HasPrefix(name, "fetchmill-"),
			name == events.HeaderBatch, name == events.HeaderIndex, name == events.HeaderDeadline:
		case ofLetter && (strings.HasPrefix(name, "ce-") || name == events.HeaderContentType):
		default:
			to[k] = []string{v}
		}
	}
}
