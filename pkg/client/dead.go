package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/pkg/events"
)

// DeadLetter is something that could not be done, with the reason and the original bytes.
type DeadLetter struct {
	Seq     uint64            `json:"seq"` // its number among the dead letters
	Time    time.Time         `json:"time"`
	Stage   events.Stage      `json:"stage"`
	Recipe  string            `json:"recipe"`
	Reason  events.Reason     `json:"reason,omitempty"`
	Error   string            `json:"error,omitempty"`
	Key     string            `json:"key,omitempty"`
	Item    string            `json:"item,omitempty"`
	Subject string            `json:"subject,omitempty"` // where the original came from
	Bytes   int               `json:"bytes"`
	Header  map[string]string `json:"header,omitempty"` // of a repeated header, the first value; only from DeadShow
	Data    []byte            `json:"-"`                // only from DeadShow
}

// DeadFilter selects dead letters; empty fields do not restrict.
type DeadFilter struct {
	Stage  events.Stage
	Recipe string
	Reason events.Reason
}

// Dead yields the dead letters, the oldest first, without headers and data. An error is the last thing it yields.
func (c *Client) Dead(ctx context.Context, f DeadFilter) iter.Seq2[DeadLetter, error] {
	return func(yield func(DeadLetter, error) bool) {
		if err := c.dead(ctx, f, yield); err != nil {
			yield(DeadLetter{}, err)
		}
	}
}

func (c *Client) dead(ctx context.Context, f DeadFilter, yield func(DeadLetter, error) bool) error {
	subject := events.PrefixDead + orStar(string(f.Stage)) + "." + orStar(f.Recipe)
	cons, err := c.js.OrderedConsumer(ctx, streamDead, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subject}, HeadersOnly: true,
	})
	if err != nil {
		return streamError("list dead letters", streamDead, err)
	}
	info, err := cons.Info(ctx)
	if err != nil {
		return streamError("list dead letters", streamDead, err)
	}
	if info.NumPending == 0 && info.Delivered.Consumer == 0 {
		return nil
	}
	msgs, err := cons.Messages()
	if err != nil {
		return fmt.Errorf("list dead letters: %w", err)
	}
	defer msgs.Stop()
	for {
		m, err := msgs.Next(jetstream.NextMaxWait(deadWait))
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("list dead letters: %w", ctx.Err())
		case errors.Is(err, nats.ErrTimeout):
			return nil // what was still expected has been removed meanwhile
		case err != nil:
			return fmt.Errorf("list dead letters: %w", err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("list dead letters: %w", err)
		}
		d := deadLetter(meta.Sequence.Stream, meta.Timestamp, m.Subject(), m.Headers())
		d.Bytes, _ = strconv.Atoi(m.Headers().Get(nats.MsgSize))
		if (f.Reason == "" || d.Reason == f.Reason) && !yield(d, nil) {
			return nil
		}
		if meta.NumPending == 0 {
			return nil
		}
	}
}

// DeadShow returns one dead letter with its headers and its original bytes. The error wraps ErrNoDeadLetter if there is none.
func (c *Client) DeadShow(ctx context.Context, seq uint64) (*DeadLetter, error) {
	s, err := c.js.Stream(ctx, streamDead)
	if err != nil {
		return nil, streamError("read dead letter", streamDead, err)
	}
	m, err := s.GetMsg(ctx, seq)
	if err != nil {
		return nil, deadError("read", seq, err)
	}
	d := deadLetter(m.Sequence, m.Time, m.Subject, m.Header)
	d.Bytes, d.Data = len(m.Data), m.Data
	d.Header = make(map[string]string, len(m.Header))
	for k, v := range m.Header {
		if len(v) > 0 {
			d.Header[k] = v[0]
		}
	}
	return &d, nil
}

// DeadRemove forgets one dead letter.
func (c *Client) DeadRemove(ctx context.Context, seq uint64) error {
	s, err := c.js.Stream(ctx, streamDead)
	if err != nil {
		return streamError("remove dead letter", streamDead, err)
	}
	if err := s.DeleteMsg(ctx, seq); err != nil {
		if _, gone := s.GetMsg(ctx, seq); errors.Is(gone, jetstream.ErrMsgNotFound) {
			err = gone // the error of the deletion does not tell
		}
		return deadError("remove", seq, err)
	}
	return nil
}

func deadLetter(seq uint64, at time.Time, subject string, h nats.Header) DeadLetter {
	d := DeadLetter{
		Seq: seq, Time: at.UTC(),
		Reason: events.Reason(h.Get(events.HeaderDeadReason)), Error: h.Get(events.HeaderDeadError),
		Key: h.Get(events.HeaderDeadKey), Item: h.Get(events.HeaderDeadItem), Subject: h.Get(events.HeaderDeadSubject),
	}
	stage, recipe, _ := strings.Cut(strings.TrimPrefix(subject, events.PrefixDead), ".")
	d.Stage, d.Recipe = events.Stage(stage), recipe
	return d
}

func deadError(doing string, seq uint64, err error) error {
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("%s dead letter %d: %w; list those that there are with: fetchmill dead ls", doing, seq, ErrNoDeadLetter)
	}
	return fmt.Errorf("%s dead letter %d: %w", doing, seq, err)
}

// deadWait is how long the next dead letter of a list may take to come.
const deadWait = 2 * time.Second

func orStar(s string) string {
	if s == "" {
		return "*"
	}
	return s
}
