package notices

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/internal/host"
	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/internal/topology"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/sink/notices/channels"
)

// batches makes notices of the ends of batches. The end of a batch is in the database and in the outbox by one transaction, and the
// outbox publishes it; from there a durable consumer of all sinks goes on. So a batch that has ended is told about, and by its id once.
type batches struct {
	env      host.Env
	consumer func(context.Context) (jetstream.Consumer, bool)
	wishes   func(ctx context.Context, batch string) ([]string, error)
	rules    []channels.BatchRule
	publish  func(context.Context, ...stage.Outgoing) error
}

func newBatches(s *Service, rules []channels.BatchRule) *batches {
	return &batches{
		env: s.env, rules: rules, publish: s.publish, wishes: s.wishes,
		consumer: func(ctx context.Context) (jetstream.Consumer, bool) {
			return s.consumer(ctx, topology.BatchNotices())
		},
	}
}

const batchesAtOnce = 50

func (b *batches) run(ctx context.Context) {
	c, ok := b.consumer(ctx)
	for ok && ctx.Err() == nil {
		msgs, err := fetch(ctx, c, 1, idle)
		if len(msgs) > 0 {
			more, _ := fetch(ctx, c, batchesAtOnce, 0) // those that are not taken now come later
			msgs = append(msgs, more...)
		}
		for _, m := range msgs {
			b.handle(ctx, m)
		}
		if err != nil && ctx.Err() == nil {
			b.env.Log.Warn("cannot take the ends of batches from the broker; asking again", logError, err)
			host.Pause(ctx, brokerRest)
		}
	}
}

func (b *batches) handle(ctx context.Context, m jetstream.Msg) {
	var batch events.Batch
	if err := json.Unmarshal(m.Data(), &batch); err != nil || events.ValidBatch(batch.Batch) != nil {
		b.env.Log.Warn("what was announced as the end of a batch cannot be read, so nobody is told", logError, err)
		_ = m.Term() // it stays in its stream for others
		return
	}
	err := b.tell(ctx, &batch)
	if err == nil {
		err = m.DoubleAck(ctx)
	} else {
		_ = m.NakWithDelay(brokerRest) // without it the message comes again later still
	}
	if err != nil && ctx.Err() == nil {
		b.env.Log.Warn("the end of a batch could not be told yet; it comes again", logBatch, batch.Batch, logError, err)
	}
}

// tell publishes a notice for each channel that is to know. The parts of an item that was split are a batch called like its id, and
// nobody's business.
func (b *batches) tell(ctx context.Context, batch *events.Batch) error {
	if events.IsID(batch.Batch) {
		return nil
	}
	names, err := b.wishes(ctx, batch.Batch)
	if err != nil {
		return err
	}
	for _, r := range b.rules {
		if r.Applies(batch) {
			names = append(names, r.Channels...)
		}
	}
	slices.Sort(names)
	var out []stage.Outgoing
	for _, channel := range slices.Compact(names) {
		o, err := outgoing(batchDone(channel, batch))
		if err != nil {
			b.env.Log.Warn("a notice about a batch cannot be written", logBatch, batch.Batch, logChannel, channel, logError, err)
			continue
		}
		out = append(out, o)
	}
	if len(out) == 0 {
		return nil
	}
	return b.publish(ctx, out...)
}

// batchDone is the notice about a batch. A batch that ended twice, because it was opened again under its old name, is told of twice.
func batchDone(channel string, b *events.Batch) *events.Notice {
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	n := &events.Notice{
		ID:   events.NoticeID(channel, events.NoticeBatchDone, b.Batch, events.FormatTime(b.Finished)),
		Kind: events.NoticeBatchDone, Channel: channel, What: b.Batch, Group: b.Recipe, Since: b.Created, At: b.Finished,
		Facts: map[string]string{
			"state": string(b.State), "total": count(b.Total), "ok": count(b.OK), "failed": count(b.Failed), "cancelled": count(b.Cancelled),
		},
	}
	if b.Total < 0 {
		delete(n.Facts, "total") // never known
	}
	if n.At.IsZero() {
		n.At = time.Now().UTC()
	}
	if !b.Created.IsZero() {
		n.DurationMS = max(0, n.At.Sub(b.Created).Milliseconds())
	}
	return n
}

// outgoing is a notice on its way to the stream.
func outgoing(n *events.Notice) (stage.Outgoing, error) {
	data, err := n.Encode()
	return stage.Outgoing{
		Subject: events.NoticeSubject(n.Channel), Header: events.Headers(n.ID, events.TypeNotice, events.StageSink), Data: data,
	}, err
}

// wishes returns the channels that whoever opened a batch wants to be told on.
func (s *Service) wishes(ctx context.Context, batch string) ([]string, error) {
	kv, err := s.js.KeyValue(ctx, topology.BucketControl)
	if err != nil {
		return nil, err
	}
	e, err := kv.Get(ctx, topology.NotifyKey(batch))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []string
	if err := json.Unmarshal(e.Value(), &list); err != nil {
		s.env.Log.Warn("whom to tell about a batch cannot be read", logBatch, batch, logError, err)
	}
	return slices.DeleteFunc(list, func(name string) bool { return events.ValidName(name) != nil }), nil
}
