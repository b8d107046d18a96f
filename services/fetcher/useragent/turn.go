package useragent

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/fetchmill/fetchmill/internal/web"
	"github.com/fetchmill/fetchmill/pkg/events"
	"github.com/fetchmill/fetchmill/pkg/ops"
)

// Turn waits until a request to a URL may be sent: the item's own, or one that a redirect has led to. Errors are verdicts, or the
// context's. done is called, once, when the request has ended.
type Turn func(ctx context.Context, to *url.URL, redirected bool) (done func(Taken), err error)

// Taken is how a server took a request.
type Taken struct {
	Status     int           // 0 if there was no answer
	RetryAfter time.Duration // what it asked for with 429 and 503, capped; 0 for nothing
	Err        error         // why there was no answer; a verdict, or the context's
}

// Unanswered tells whether the server has shown no sign of life: it could not be found or connected to, or the time ran out. A
// certificate that is refused and an answer that cannot be read are signs of life, and what was called off says nothing.
func (t Taken) Unanswered() bool {
	f, ok := errors.AsType[*ops.Failure](t.Err)
	if !ok || t.Status != 0 {
		return false
	}
	switch f.Reason {
	case events.ReasonConnect, events.ReasonTimeout:
		return true
	case events.ReasonDNS:
		return f.Temporary // a name that does not exist costs nothing
	default:
		return false
	}
}

// Alive tells whether a server without an answer has shown a sign of life all the same.
func (t Taken) Alive() bool {
	f, ok := errors.AsType[*ops.Failure](t.Err)
	if !ok {
		return false
	}
	switch f.Reason {
	case events.ReasonTLS, events.ReasonProtocol, events.ReasonTooLarge:
		return true
	default:
		return false
	}
}

// Cause says in a few words, and without the URL, why there was no answer.
func (t Taken) Cause() error {
	if errno, ok := errors.AsType[syscall.Errno](t.Err); ok {
		return errno
	}
	if dns, ok := errors.AsType[*net.DNSError](t.Err); ok {
		return errors.New(dns.Err)
	}
	if f, ok := errors.AsType[*ops.Failure](t.Err); ok && f.Reason == events.ReasonTimeout {
		return errNoAnswer
	}
	return errCutOff
}

var (
	errNoAnswer = errors.New("no answer in time")
	errCutOff   = errors.New("the connection was cut off")
)

// take asks for the turn of the next request.
func (x *Exchange) take(ctx context.Context, redirected bool) error {
	x.giveBack()
	if x.turn == nil {
		return nil
	}
	asked := time.Now()
	done, err := x.turn(ctx, x.at, redirected)
	x.start = x.start.Add(time.Since(asked)) // waiting is no time that the server took
	if err != nil {
		return err
	}
	x.taken, x.done = Taken{}, done
	return nil
}

// answered notes what the request of this turn has met with.
func (x *Exchange) answered(resp *http.Response, err error) {
	if err != nil {
		x.taken.Err = err
		return
	}
	x.taken.Status = resp.StatusCode
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable {
		x.taken.RetryAfter = web.RetryAfter(resp.Header.Get("Retry-After"), time.Now(), x.agent.cfg.MaxRetryAfter)
	}
}

// Close ends the exchange's turn, if Facts has not; to be deferred, so that no panic keeps a host's place.
func (x *Exchange) Close() {
	x.giveBack()
	if x.hop != nil {
		x.hop.pace.end()
	}
}

// giveBack ends the turn at hand, if there is one.
func (x *Exchange) giveBack() {
	if x.done != nil {
		x.done(x.taken)
		x.done = nil
	}
}
