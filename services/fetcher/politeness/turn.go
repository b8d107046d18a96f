package politeness

import (
	"strings"
	"time"
	"unicode"
)

// Result is how a host took a request.
type Result int

// The results.
const (
	// Unknown tells nothing about the host: the request was called off, or never sent.
	Unknown Result = iota
	// Answered means that the host answered, with whatever else than Overloaded; a refused TLS handshake is an answer too.
	Answered
	// Overloaded means that the host said it is too much: 429 Too Many Requests, or 503 Service Unavailable with Retry-After.
	Overloaded
	// Unavailable is 503 without Retry-After: overload, or a fault of what was asked for. It counts as Overloaded except at Own hosts.
	Unavailable
	// Unreachable means no answer: no connection, a connection that broke, a time that ran out, a name server that is away.
	Unreachable
)

// Outcome is what came of a request.
type Outcome struct {
	Result     Result
	RetryAfter time.Duration // what the host asked for, if Overloaded; 0 for nothing
	Err        error         // why it is Unreachable
}

// Turn is the right to send one request to a host. It ends with Done.
type Turn struct {
	p       *Politeness
	host    *host
	started time.Time
	done    bool
}

// Done tells how the host took the request and lets the next one go. Only the first call counts. It does not block.
func (t *Turn) Done(o Outcome) {
	t.host.shard.mu.Lock()
	defer t.host.shard.mu.Unlock()
	t.end(o, time.Now())
}

// end is Done under the shard's lock.
func (t *Turn) end(o Outcome, now time.Time) {
	if t.done {
		return
	}
	t.done = true
	h := t.host
	if o.Result == Unavailable {
		o.Result = Overloaded
		if h.limit.Own {
			o.Result = Answered
		}
	}
	inflight := h.inflight
	h.inflight--
	h.used = now
	if o.Result == Answered || o.Result == Overloaded {
		h.answer = now
		h.measure(now.Sub(t.started))
		if h.circuit.answered() {
			t.p.tell(message{Kind: kindClosed, Host: h.name})
		}
	}
	switch o.Result {
	case Answered:
		if h.limit.Own && !h.window.slow {
			h.window.open()
		} else {
			h.window.grow(inflight)
		}
		if t.started.After(h.pause.since) {
			h.pause.step = 0
		}
	case Overloaded:
		t.p.slowDown(t, o.RetryAfter, inflight, now)
	case Unreachable:
		t.p.unanswered(t, o.Err, now)
	case Unknown, Unavailable: // which has become another above
		if h.circuit.trial == t {
			h.circuit.trial = nil // it was none
		}
	}
	t.p.serve(h, now)
}

// measure smooths the durations of requests.
func (h *host) measure(d time.Duration) {
	if h.took == 0 {
		h.took = d
		return
	}
	h.took += (d - h.took) / 8
}

// slowDown pauses a host that says it is too much. What was started before it last said so tells nothing new.
func (p *Politeness) slowDown(t *Turn, retryAfter time.Duration, inflight int, now time.Time) {
	h := t.host
	news := h.pause.since.IsZero() || t.started.After(h.pause.since)
	wait := min(retryAfter, p.cfg.MaxPause)
	if news {
		h.window.halve(inflight)
		h.pause.since = now
		if wait <= 0 {
			wait = min(firstPause<<h.pause.step, mostPause, p.cfg.MaxPause)
			h.pause.step = min(h.pause.step+1, 10)
		}
	}
	if until := now.Add(wait); until.After(h.pause.until) {
		h.pause.until = until
		p.tell(message{Kind: kindPause, Host: h.name, MS: wait.Milliseconds()})
	}
}

func (p *Politeness) unanswered(t *Turn, err error, now time.Time) {
	h := t.host
	cause := ""
	if err != nil {
		cause = oneLine(err.Error())
	}
	if h.circuit.failed(t, now, cause, &p.cfg) {
		h.window = newWindow() // whoever has been dead begins small
		p.tell(message{
			Kind: kindOpen, Host: h.name, MS: h.circuit.openFor.Milliseconds(), Failures: h.circuit.failures, Last: cause,
		})
	}
}

// maxCause bounds the text of an error that is remembered, in bytes.
const maxCause = 160

// oneLine makes a text that fits into another one.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	if len(s) > maxCause {
		s = strings.ToValidUTF8(s[:maxCause], "") + "…"
	}
	return s
}
