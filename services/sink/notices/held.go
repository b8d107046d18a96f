package notices

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/fetchmill/fetchmill/internal/stage"
	"github.com/fetchmill/fetchmill/pkg/events"
)

// held is a notice in hand: until it is settled no other sink gets it.
type held struct {
	msg    jetstream.Msg
	meta   *jetstream.MsgMetadata
	notice *events.Notice // nil if the message is none
	err    error          // why not
}

func hold(m jetstream.Msg, channel string) (*held, error) {
	meta, err := m.Metadata()
	if err != nil {
		return nil, err
	}
	h := &held{msg: m, meta: meta}
	if h.notice, h.err = events.DecodeNotice(m.Data()); h.err == nil {
		h.notice.Channel = channel // the subject decides
	}
	return h, nil
}

// age is how long the notice has waited.
func (h *held) age() time.Duration { return time.Since(h.meta.Timestamp) }

// message is the held one as dead letters take it.
func (h *held) message() stage.Message {
	header := make(map[string]string, len(h.msg.Headers()))
	for k := range h.msg.Headers() {
		header[k] = h.msg.Headers().Get(k)
	}
	return stage.Message{Subject: h.msg.Subject(), Header: header, Data: h.msg.Data(), Seq: h.meta.Sequence.Stream, Stored: h.meta.Timestamp}
}

// letter is the dead letter about a message of the stream of notices. A redelivery makes no second one.
func letter(m stage.Message, channel string, n *events.Notice, reason events.Reason, err error) stage.Outgoing {
	l := stage.DeadLetter{
		Stage: events.StageNotice, Recipe: channel, Reason: reason, Err: err, MsgID: events.IDFromSequence(m.Seq, m.Stored) + ".dead",
	}
	if n != nil {
		l.Item, l.Key = n.ID, n.What
	}
	return l.Outgoing(m)
}

const (
	// aliveEvery is how often the broker hears that notices are still in hand; a third of the time after which it gives them to others.
	aliveEvery = 10 * time.Second
	// ackTime is how long it is tried to tell the broker that a notice is sent: it would be sent again otherwise.
	ackTime = 15 * time.Second
)

// keep tells the broker that notices are in hand, until stop is called.
func keep(list []*held) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(aliveEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				for _, h := range list {
					_ = h.msg.InProgress() // best effort: without it another sink takes the notice
				}
			}
		}
	}()
	return func() { cancel(); <-ended }
}

// done acknowledges, and makes sure that the broker knows.
func (h *held) done(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ackTime)
	defer cancel()
	rest := stage.Backoff{First: 50 * time.Millisecond, Most: 2 * time.Second}
	for try := 0; ; try++ {
		attempt, end := context.WithTimeout(ctx, 5*time.Second)
		err := h.msg.DoubleAck(attempt)
		end()
		if err == nil || errors.Is(err, jetstream.ErrMsgAlreadyAckd) || errors.Is(err, nats.ErrConnectionClosed) || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(rest.Delay(try)):
		}
	}
}

// later hands the notice back, to come again not before the delay has passed.
func (h *held) later(delay time.Duration) {
	_ = h.msg.NakWithDelay(max(delay, time.Millisecond)) // without it the notice comes again later still
}
