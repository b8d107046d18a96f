package notices

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/services/sink/notices/outlet"
)

// deliver sends what is in hand: one by one, or as digests where there is much. The first failure of the channel ends it, and the rest
// goes back.
func (w *worker) deliver(ctx context.Context, list []*held) {
	defer w.circuit.leave()
	defer keep(list)()
	for i, group := range w.groups(ctx, list) {
		if ctx.Err() != nil || (i > 0 && !w.circuit.resting().IsZero()) {
			w.handBack(group)
			continue
		}
		w.send(ctx, group)
	}
}

// groups puts together what becomes one message each. What cannot become any is settled.
func (w *worker) groups(ctx context.Context, list []*held) [][]*held {
	var order []string
	by := map[string][]*held{}
	for _, h := range list {
		if h.err != nil {
			w.dead(ctx, h, events.ReasonUndecodable, h.err)
			continue
		}
		to, err := w.channel.Outlet.Audience(h.notice)
		if err != nil {
			w.dead(ctx, h, outlet.AsFailure(err).Reason, err)
			continue
		}
		if by[to] == nil {
			order = append(order, to)
		}
		by[to] = append(by[to], h)
	}
	var groups [][]*held
	for _, to := range order {
		some := by[to]
		slices.SortStableFunc(some, func(a, b *held) int {
			return cmp.Or(a.notice.At.Compare(b.notice.At), cmp.Compare(a.meta.Sequence.Stream, b.meta.Sequence.Stream))
		})
		if d := w.channel.Digest; d.From > 0 && len(some) >= d.From {
			groups = append(groups, slices.Collect(slices.Chunk(some, d.Most))...)
			continue
		}
		for i := range some {
			groups = append(groups, some[i:i+1])
		}
	}
	return groups
}

// send sends one message, and settles its notices.
func (w *worker) send(ctx context.Context, group []*held) {
	m, err := w.compose(group)
	if err != nil {
		for _, h := range group { // a fault in the operator's template, for just this notice
			w.dead(ctx, h, events.ReasonInvalidParameter, fmt.Errorf("templates of the channel: %w", err))
		}
		return
	}
	began := time.Now()
	err = w.channel.Outlet.Send(ctx, m)
	if err == nil {
		w.sent(ctx, group, time.Since(began))
		return
	}
	if ctx.Err() != nil { // called off, which says nothing about the channel
		w.handBack(group)
		return
	}
	f := outlet.AsFailure(err)
	w.metrics.attempt(f)
	switch {
	case f.Refused && len(group) > 1: // one of them may be at fault
		w.log.Warn("a digest was refused; sending its notices one by one", logCount, len(group), logError, f)
		for i := range group {
			if ctx.Err() != nil || !w.circuit.resting().IsZero() {
				w.handBack(group[i:])
				return
			}
			w.send(ctx, group[i:i+1])
		}
	case f.Refused:
		w.circuit.succeed() // somebody is there
		w.state.failed(f)
		w.dead(ctx, group[0], f.Reason, f)
	default:
		w.failed(ctx, group, f)
	}
}

func (w *worker) compose(group []*held) (outlet.Message, error) {
	m := outlet.Message{ID: group[0].notice.ID, At: group[0].notice.At}
	for _, h := range group {
		m.Notices = append(m.Notices, h.notice)
	}
	words, err := w.channel.Wording.One(m.Notices[0], w.channel.MaxText)
	if m.Digest() {
		m.ID = digestID(m.Notices)
		words, err = w.channel.Wording.Many(m.Notices, w.channel.MaxText)
	}
	m.Subject, m.Text = words.Subject, words.Text
	return m, err
}

// digestID is the same for a digest of the same notices.
func digestID(list []*events.Notice) string {
	h := sha256.New()
	for _, n := range list {
		h.Write([]byte(n.ID + "\n")) // a hash never fails
	}
	return "d" + hex.EncodeToString(h.Sum(nil)[:16])
}

// sent settles what the receiver has taken.
func (w *worker) sent(ctx context.Context, group []*held, took time.Duration) {
	if before := w.circuit.succeed(); before > 0 {
		w.log.Info("the channel takes notices again", logFor, time.Since(w.state.since()).Round(time.Second))
	}
	w.state.sent(len(group))
	w.metrics.sent(group, took)
	ctx = context.WithoutCancel(ctx) // telling the broker keeps the notice from being sent twice
	for _, h := range group {
		w.log.Debug("notice sent", logNotice, h.notice.ID, logKind, string(h.notice.Kind))
		if err := h.done(ctx); err != nil {
			w.log.Warn("the broker does not know that a notice was sent: it may be sent again, with the same id", logNotice, h.notice.ID, logError, err)
		}
	}
}

// failed lets the channel rest, and the notices wait.
func (w *worker) failed(ctx context.Context, group []*held, f *outlet.Failure) {
	failures, pause := w.circuit.fail(f.RetryAfter)
	w.state.failed(f)
	level := w.log.Debug
	if failures == 1 {
		level = w.log.Warn
	}
	level("a channel does not take notices: they wait, and nothing is lost", logReason, string(f.Reason), logError, f, logRetryIn, pause.Round(time.Millisecond))
	old := false
	for _, h := range group {
		if h.age() >= w.channel.MaxAge {
			old = true
			w.dead(ctx, h, f.Reason, fmt.Errorf("not sent within %s: %w", w.channel.MaxAge, f))
			continue
		}
		// What has failed often rests longer than the channel, so that others get their turn: it may be the notice and not the channel.
		h.later(max(pause, w.circuit.backoff.Delay(int(min(h.meta.NumDelivered, 62)))))
	}
	if old {
		w.buryOld(ctx, f)
	}
}

// handBack gives back what was not tried.
func (w *worker) handBack(group []*held) {
	delay := max(0, time.Until(w.circuit.resting()))
	for _, h := range group {
		h.later(delay)
	}
}

// dead makes a dead letter of a notice.
func (w *worker) dead(ctx context.Context, h *held, reason events.Reason, cause error) {
	if err := w.bury(ctx, letter(h.message(), w.channel.Name, h.notice, reason, cause)); err != nil {
		h.later(brokerRest) // it comes again, and is tried again
		return
	}
	w.metrics.dead(1)
	w.log.Warn("a notice cannot be sent: it is a dead letter now; see it with: fetchmill dead ls --stage notice", logReason, string(reason), logError, cause)
	if err := h.done(context.WithoutCancel(ctx)); err != nil {
		w.log.Warn("the broker does not know that a notice is a dead letter: it may become one twice", logError, err)
	}
}

// buryOld makes dead letters of what has waited for too long while the channel takes nothing, so that not each of them has to be tried.
func (w *worker) buryOld(ctx context.Context, f *outlet.Failure) {
	for ctx.Err() == nil {
		msgs, err := fetch(ctx, w.consumer, 100, 0)
		list := w.hold(nil, msgs)
		if len(list) == 0 {
			if err != nil {
				w.log.Debug("cannot look for notices that have waited for too long", logError, err)
			}
			return
		}
		young := false
		for _, h := range list {
			if young = young || h.age() < w.channel.MaxAge; young {
				h.later(0)
				continue
			}
			w.dead(ctx, h, f.Reason, fmt.Errorf("not sent within %s: %w", w.channel.MaxAge, f))
		}
		if young {
			return
		}
	}
}
