package notices

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/sink/notices/channels"
)

// growth tells that there are more dead letters. All sinks look, and keep on the broker up to which letter was told: whoever finds that
// enough have come since publishes a notice whose id is made of that, so that two make one, and moves the mark.
type growth struct {
	env     host.Env
	js      jetstream.JetStream
	rule    channels.DeadLetterRule
	every   time.Duration
	publish func(context.Context, ...stage.Outgoing) error
}

func newGrowth(s *Service, rule channels.DeadLetterRule) *growth {
	return &growth{env: s.env, js: s.js, rule: rule, every: s.cfg.Look, publish: s.publish}
}

// mark is up to where dead letters were told.
type mark struct {
	Seq  uint64    `json:"seq"`
	Told time.Time `json:"told"`
}

func (g *growth) run(ctx context.Context) {
	for {
		if err := g.look(ctx); err != nil && ctx.Err() == nil {
			g.env.Log.Debug("cannot look for dead letters", logError, err)
		}
		if !host.Pause(ctx, g.every) {
			return
		}
	}
}

func (g *growth) look(ctx context.Context) error {
	s, err := g.js.Stream(ctx, topology.StreamDead)
	if err != nil {
		return err
	}
	kv, err := g.js.KeyValue(ctx, topology.BucketControl)
	if err != nil {
		return err
	}
	have, now := s.CachedInfo().State, time.Now().UTC()
	entry, err := kv.Get(ctx, topology.DeadMark)
	if errors.Is(err, jetstream.ErrKeyNotFound) { // what is there already is no growth
		_, err = kv.Create(ctx, topology.DeadMark, g.encode(mark{Seq: have.LastSeq}))
		return ignoreConflict(err)
	}
	if err != nil {
		return err
	}
	var last mark
	if err := json.Unmarshal(entry.Value(), &last); err != nil || have.LastSeq < last.Seq { // not ours, or the stream was made anew
		_, err := kv.Update(ctx, topology.DeadMark, g.encode(mark{Seq: have.LastSeq}), entry.Revision())
		return ignoreConflict(err)
	}
	grown := have.LastSeq - last.Seq
	if grown < uint64(g.rule.At) || now.Sub(last.Told) < g.rule.Every {
		return nil
	}
	if err := g.tell(ctx, last, grown, have, now); err != nil {
		return err
	}
	_, err = kv.Update(ctx, topology.DeadMark, g.encode(mark{Seq: have.LastSeq, Told: now}), entry.Revision())
	return ignoreConflict(err)
}

func (g *growth) tell(ctx context.Context, last mark, grown uint64, have jetstream.StreamState, now time.Time) error {
	var out []stage.Outgoing
	for _, channel := range g.rule.Channels {
		n := &events.Notice{
			ID:   events.NoticeID(channel, events.NoticeDeadLetters, strconv.FormatUint(last.Seq, 10), events.FormatTime(last.Told)),
			Kind: events.NoticeDeadLetters, Channel: channel, What: "dead letters", Since: last.Told, At: now,
			Facts: map[string]string{"new": strconv.FormatUint(grown, 10), "total": strconv.FormatUint(have.Msgs, 10)},
		}
		o, err := outgoing(n)
		if err != nil {
			return err
		}
		out = append(out, o)
	}
	return g.publish(ctx, out...)
}

func (g *growth) encode(m mark) []byte {
	data, _ := json.Marshal(m) // a number and a time of now can always be encoded
	return data
}

// ignoreConflict takes it as done when another sink was faster.
func ignoreConflict(err error) error {
	if errors.Is(err, jetstream.ErrKeyExists) {
		return nil
	}
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return nil
	}
	return err
}
