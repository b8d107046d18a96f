package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	defaultInFlight = 2048
	leastInFlight   = 16
	ackTimeout      = 5 * time.Second
	firstPause      = 10 * time.Millisecond
	longestPause    = time.Second
	progressEvery   = 100 * time.Millisecond
	// patience is how long the broker may be silent before a submission is given up. A broker that restarts takes seconds.
	patience = time.Minute
)

// window publishes messages with a bounded number of them in flight. What the broker refuses for now, or does not answer, is
// sent again with the same id. A refusal halves the number in flight and pauses; each confirmation widens it again by one.
type window struct {
	js     jetstream.JetStream
	max    int
	limit  int
	flight []sent // the oldest first
	again  []letter
	pause  time.Duration
	resume time.Time // nothing is sent before
	heard  time.Time // when the broker last answered anything
	sum    Submission
	tell   func(Submission)
	told   time.Time
}

type sent struct {
	letter
	ack jetstream.PubAckFuture
}

func newWindow(js jetstream.JetStream, o SubmitOptions) *window {
	size := o.InFlight
	if size <= 0 {
		size = defaultInFlight
	}
	tell := o.OnProgress
	if tell == nil {
		tell = func(Submission) {}
	}
	return &window{js: js, max: size, limit: size, heard: time.Now(), sum: Submission{Batch: o.Batch}, tell: tell}
}

func (w *window) run(ctx context.Context, in <-chan letter) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var fault error
	for {
		paused := time.Until(w.resume)
		room := len(w.flight) < w.limit && paused <= 0
		if room && len(w.again) > 0 {
			l := w.again[0]
			w.again = w.again[1:]
			if err := w.send(l); err != nil {
				return err
			}
			continue
		}
		if in == nil && len(w.flight) == 0 && len(w.again) == 0 {
			w.tell(w.sum)
			return fault
		}
		var source <-chan letter
		if room {
			source = in
		}
		var wake <-chan time.Time
		if paused > 0 {
			timer.Reset(paused)
			wake = timer.C
		}
		acked, refused := w.oldest()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wake:
		case ack := <-acked:
			w.accept(ack)
		case err := <-refused:
			if err := w.settle(w.pop().letter, err); err != nil {
				return err
			}
		case l, more := <-source:
			if !more {
				if ctx.Err() != nil { // then the source ended for that reason, not because all was read
					return ctx.Err()
				}
				in = nil
				continue
			}
			if l.err != nil { // those before it are seen through, so that what is said to be accepted is
				in, fault = nil, fmt.Errorf("item %d: %w", l.index, l.err)
				continue
			}
			if err := w.send(l); err != nil {
				return err
			}
		}
	}
}

// oldest is where the answer to the oldest message in flight arrives; nil channels if there is none.
func (w *window) oldest() (<-chan *jetstream.PubAck, <-chan error) {
	if len(w.flight) == 0 {
		return nil, nil
	}
	f := w.flight[0].ack
	return f.Ok(), f.Err()
}

func (w *window) pop() sent {
	s := w.flight[0]
	w.flight[0] = sent{}
	w.flight = w.flight[1:]
	return s
}

func (w *window) send(l letter) error {
	ack, err := w.js.PublishMsgAsync(l.msg)
	if err != nil {
		return w.settle(l, err)
	}
	w.flight = append(w.flight, sent{letter: l, ack: ack})
	return nil
}

func (w *window) accept(ack *jetstream.PubAck) {
	w.pop()
	w.heard = time.Now()
	w.pause /= 2
	w.limit = min(w.limit+1, w.max)
	w.sum.Accepted++
	if ack.Duplicate {
		w.sum.Duplicates++
	}
	w.progress()
}

// settle decides about a message that was not confirmed: it is sent again later, or the error ends the submission.
func (w *window) settle(l letter, err error) error {
	switch verdict(err) {
	case full:
		w.heard = time.Now()
		w.sum.Refused++
	case silent:
		if time.Since(w.heard) > patience {
			return fmt.Errorf("item %d: the broker has not confirmed anything for %s: %w", l.index, patience, err)
		}
	case missing:
		if w.sum.Accepted == 0 || time.Since(w.heard) > patience {
			return streamError(fmt.Sprintf("item %d", l.index), "WORK", err)
		}
	default:
		return fmt.Errorf("item %d: %w", l.index, err)
	}
	w.again = append(w.again, l)
	if time.Now().After(w.resume) { // once for all that come back together
		w.limit = max(w.limit/2, min(leastInFlight, w.max))
		w.pause = min(max(2*w.pause, firstPause), longestPause)
		w.resume = time.Now().Add(w.pause)
	}
	w.progress()
	return nil
}

func (w *window) progress() {
	if now := w.heard; now.Sub(w.told) >= progressEvery {
		w.told = now
		w.tell(w.sum)
	}
}

type refusal int

const (
	final   refusal = iota
	full            // no room now
	silent          // no answer, or no connection now
	missing         // no stream takes the subject
)

func verdict(err error) refusal {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		if api.Code == 503 || api.Code == 429 { // 503/10077: the stream is full; others of the kind: no leader, no resources now
			return full
		}
		return final
	}
	if _, broken := errors.AsType[net.Error](err); broken { // the connection broke while this was being written to it
		return silent
	}
	switch {
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		return missing
	case errors.Is(err, jetstream.ErrAsyncPublishTimeout), errors.Is(err, jetstream.ErrTooManyStalledMsgs),
		errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrReconnectBufExceeded),
		errors.Is(err, nats.ErrConnectionReconnecting), errors.Is(err, nats.ErrTimeout):
		return silent
	default:
		return final
	}
}
