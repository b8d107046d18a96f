package notices

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/time/rate"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/sink/notices/channels"
)

// orphans looks after notices for channels that are not in the file. They wait, for the channel may come back, or be known to a sink that
// has been started with a newer file; what waits for too long becomes a dead letter.
type orphans struct {
	env     host.Env
	js      jetstream.JetStream
	known   map[string]bool
	every   time.Duration
	maxAge  time.Duration
	publish func(context.Context, ...stage.Outgoing) error
	waitLog rate.Sometimes
}

func newOrphans(s *Service) *orphans {
	o := &orphans{
		env: s.env, js: s.js, known: map[string]bool{}, every: s.cfg.Look, maxAge: channels.DefaultMaxAge, publish: s.publish,
		waitLog: rate.Sometimes{First: 1, Interval: time.Hour},
	}
	for name := range s.workers {
		o.known[name] = true
	}
	return o
}

func (o *orphans) run(ctx context.Context) {
	for host.Pause(ctx, o.every) {
		if err := o.look(ctx); err != nil && ctx.Err() == nil {
			o.env.Log.Debug("cannot look for notices without a channel", logError, err)
		}
	}
}

// look goes through the subjects of the stream once.
func (o *orphans) look(ctx context.Context) error {
	s, err := o.js.Stream(ctx, topology.StreamNotices)
	if err != nil {
		return err
	}
	if s.CachedInfo().State.Msgs == 0 {
		return nil
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(events.PrefixNotice+">"))
	if err != nil {
		return err
	}
	for subject, n := range info.State.Subjects {
		if o.known[strings.TrimPrefix(subject, events.PrefixNotice)] {
			continue
		}
		o.waitLog.Do(func() {
			o.env.Log.Warn("notices wait for a channel that is not in the file of channels: add it and start again, or they become dead letters",
				logSubject, subject, logCount, n)
		})
		if err := o.bury(ctx, s, subject); err != nil {
			return err
		}
	}
	return nil
}

// bury makes dead letters of what has waited for too long on a subject.
func (o *orphans) bury(ctx context.Context, s jetstream.Stream, subject string) error {
	for seq := uint64(1); ; {
		m, err := s.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(subject))
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			return nil
		case err != nil:
			return err
		case time.Since(m.Time) < o.maxAge:
			return nil // and so are those after it
		}
		header := make(map[string]string, len(m.Header))
		for k := range m.Header {
			header[k] = m.Header.Get(k)
		}
		name := strings.TrimPrefix(subject, events.PrefixNotice)
		n, _ := events.DecodeNotice(m.Data) // what is none has no id and no name in the letter
		msg := stage.Message{Subject: subject, Header: header, Data: m.Data, Seq: m.Sequence, Stored: m.Time}
		cause := fmt.Errorf("no sink has had a channel %.64s for %s; add it to the file of channels, and replay this", name, o.maxAge)
		if err := o.publish(ctx, letter(msg, name, n, events.ReasonUnknownChannel, cause)); err != nil {
			return err
		}
		if err := s.DeleteMsg(ctx, m.Sequence); err != nil {
			if _, gone := s.GetMsg(ctx, m.Sequence); !errors.Is(gone, jetstream.ErrMsgNotFound) { // another sink was faster
				return err
			}
		}
		seq = m.Sequence + 1
	}
}
